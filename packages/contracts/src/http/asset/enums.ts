import { z } from 'zod';

/** What an asset is. */
export const ASSET_TYPES = [
  'BESS',
  'VBAT',
  'PV',
  'DAA_SWAP',
  'DAA_SWAP_VBAT',
  'GREY_COLOCATION',
  'GREEN_COLOCATION',
] as const;
export const assetType = z.enum(ASSET_TYPES).meta({ id: 'AssetType' });
export type AssetTypeName = z.infer<typeof assetType>;

export const region = z.enum(['DE', 'PL']).meta({ id: 'Region' });

/** `PSE` is the area of PL, the others are those of DE: see {@link areaOfRegion}. */
export const deliveryArea = z.enum(['50HZ', 'AMPN', 'TNBW', 'TNNT', 'PSE']).meta({ id: 'DeliveryArea' });

/** Who operates an asset. */
export const PROVIDERS = [
  'ENERGIEKOPPLER',
  'ENTELIOS',
  'EBX',
  'TERRALAYR',
  'TRANSITION_TECHNOLOGIES',
  'ASSET_SIMULATOR',
  'NFT',
] as const;
export const provider = z.enum(PROVIDERS).meta({ id: 'Provider' });
export type ProviderName = z.infer<typeof provider>;

/** Where an asset stands between its registration and its end. */
export const assetLifecycle = z
  .enum(['DRAFT', 'COMMISSIONING', 'LIVE', 'SUSPENDED', 'DECOMMISSIONED'])
  .meta({ id: 'AssetLifecycle' });

/** Who sets a period limit. */
export const limitSource = z
  .enum(['REPORTED', 'OPERATIONS', 'CUSTOMER', 'PV', 'AVAILABILITY'])
  .meta({ id: 'LimitSource' });
export type LimitSourceName = z.infer<typeof limitSource>;

/** Where a reservation comes from. */
export const reservationSource = z.enum(['OPTIMISATION', 'EXTERNAL', 'DAA_SWAP']).meta({ id: 'ReservationSource' });
export type ReservationSourceName = z.infer<typeof reservationSource>;

/** How an asset is. */
export const assetStatus = z
  .enum(['UNKNOWN', 'ONLINE', 'OFFLINE', 'DEGRADED', 'MAINTENANCE', 'FAULT'])
  .meta({ id: 'AssetStatus' });
export type AssetStatusName = z.infer<typeof assetStatus>;

/** What kind of thing made an asset's status what it is. */
export const statusReasonCategory = z
  .enum(['UNKNOWN', 'COMMUNICATION', 'EQUIPMENT', 'GRID', 'MAINTENANCE', 'OPERATOR', 'MARKET'])
  .meta({ id: 'StatusReasonCategory' });

/** How far a reading can be relied upon. */
export const readingQuality = z.enum(['VALID', 'ESTIMATED', 'INVALID']).meta({ id: 'ReadingQuality' });
export type ReadingQualityName = z.infer<typeof readingQuality>;

/** What a site's dispatch follows. */
export const dispatchModeName = z.enum(['PRICE_BASED', 'MANUAL']).meta({ id: 'DispatchModeName' });

/** Region and delivery area of something that is registered. */
export interface RegionAndArea {
  readonly region: z.infer<typeof region>;
  readonly delivery_area: z.infer<typeof deliveryArea>;
}

/** Complains about a delivery area of another region. For `superRefine`. */
export function areaOfRegion({ region: named, delivery_area: area }: RegionAndArea, ctx: z.RefinementCtx): void {
  const owner = area === 'PSE' ? 'PL' : 'DE';
  if (owner === named) return;
  ctx.addIssue({
    code: 'custom',
    path: ['delivery_area'],
    message: `${area} is a delivery area of ${owner}`,
    params: { type: 'area_mismatch', ctx: { region: named } },
  });
}
