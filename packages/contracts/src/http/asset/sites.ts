import { z } from 'zod';
import { decimalOutput } from '../../scalars.js';
import { instantOutput, powerOutput, priceOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { areaOfRegion, deliveryArea, dispatchModeName, region } from './enums.js';
import { codeInput, efficiencyInput, idInput, nameInput, powerInput, priceInput } from './inputs.js';
import { cursorParameter, exportParameters, MAX_ASSET_IDS, pageEcho, pageParameters, pageRules } from './list-query.js';

/** Path of what is about one site. */
export const assetSitePath = z.strictObject({ site_id: idInput });

/** Path of what is about one inverter of a site. */
export const siteInverterPath = z.strictObject({ site_id: idInput, inverter_id: idInput });

/** How a site is dispatched, as it may be sent. */
export const dispatchModeInput = z
  .strictObject({
    name: dispatchModeName,
    floor_price: priceInput.nullish().meta({ description: 'At most the strike price.' }),
    strike_price: priceInput.nullish(),
  })
  .meta({ id: 'DispatchModeIn' });

/** Body of `POST /asset-api/v1/sites`. */
export const createSiteBody = z
  .strictObject({
    name: nameInput,
    code: codeInput,
    region,
    delivery_area: deliveryArea,
    dispatch_mode: dispatchModeInput,
  })
  .superRefine(areaOfRegion)
  .meta({ id: 'CreateSiteRequest' });
export type CreateSiteBody = z.output<typeof createSiteBody>;

/** Body of `PATCH /asset-api/v1/sites/{site_id}`. What is left out, or null, stays. */
export const patchSiteBody = z
  .strictObject({
    name: nameInput.nullish(),
    dispatch_mode_name: z.enum(dispatchModeName.options).nullish(),
    dispatch_mode_floor_price: priceInput.nullish(),
    dispatch_mode_strike_price: priceInput.nullish(),
  })
  .meta({ id: 'PatchSiteRequest' });
export type PatchSiteBody = z.output<typeof patchSiteBody>;

const assetsOfInverter = z
  .array(idInput)
  .min(1)
  .max(MAX_ASSET_IDS)
  .superRefine((ids, ctx) => {
    for (const [index, id] of ids.entries()) {
      if (ids.indexOf(id) === index) continue;
      ctx.addIssue({
        code: 'custom',
        path: [index],
        message: 'Name each asset once',
        params: { type: 'duplicate_key' },
      });
    }
  })
  .meta({ uniqueItems: true });

/** Body of `POST /asset-api/v1/sites/{site_id}/inverters`. */
export const createInverterBody = z
  .strictObject({
    rated_power: powerInput,
    charge_efficiency: efficiencyInput,
    discharge_efficiency: efficiencyInput,
    asset_ids: assetsOfInverter,
  })
  .meta({ id: 'CreateSiteInverterRequest' });
export type CreateInverterBody = z.output<typeof createInverterBody>;

/** Body of `PATCH /asset-api/v1/sites/{site_id}/inverters/{inverter_id}`. `asset_ids` replaces all of them. */
export const patchInverterBody = z
  .strictObject({
    rated_power: powerInput.nullish(),
    charge_efficiency: efficiencyInput.nullish(),
    discharge_efficiency: efficiencyInput.nullish(),
    asset_ids: assetsOfInverter.nullish(),
  })
  .meta({ id: 'PatchSiteInverterRequest' });
export type PatchInverterBody = z.output<typeof patchInverterBody>;

const siteFilters = {
  region: region.optional(),
  delivery_area: deliveryArea.optional(),
  asset_id: idInput.optional().meta({ description: 'Only sites of which an inverter lists this asset.' }),
  expand: z.enum(['inverters']).optional().meta({ description: 'Without it, inverters is null.' }),
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/sites`. `cursor` is ours. */
export const listAssetSitesQuery = z.strictObject({ ...pageParameters, ...siteFilters }).superRefine(pageRules);
export type ListAssetSitesQuery = z.output<typeof listAssetSitesQuery>;

/** The same for an export. */
export const exportAssetSitesQuery = z.strictObject({ ...exportParameters, ...siteFilters });
export type ExportAssetSitesQuery = z.output<typeof exportAssetSitesQuery>;

/** What connects assets to a site, as it is answered. */
export const siteInverter = z
  .strictObject({
    id: z.string().min(1).max(160),
    site_id: z.string().min(1).max(160),
    rated_power: powerOutput,
    charge_efficiency: decimalOutput,
    discharge_efficiency: decimalOutput,
    asset_ids: z.array(z.string().min(1).max(160)).min(1),
  })
  .meta({ id: 'SiteInverterResponse', description: 'What connects assets to a site.' });

const dispatchMode = z
  .strictObject({
    name: dispatchModeName,
    floor_price: z.union([priceOutput, z.null()]),
    strike_price: z.union([priceOutput, z.null()]),
  })
  .meta({ id: 'DispatchModeOut' });

/** Where assets meet the grid, as it is answered. */
export const assetSite = z
  .strictObject({
    id: z.string().regex(/^(DE|PL)_(50HZ|AMPN|TNBW|TNNT|PSE)_[A-Z0-9][A-Z0-9_-]{0,63}_SITE_[1-9][0-9]*$/),
    name: nameInput,
    code: codeInput,
    region,
    delivery_area: deliveryArea,
    dispatch_mode: dispatchMode,
    created_at: instantOutput,
    updated_at: instantOutput,
    inverters: z
      .array(siteInverter)
      .nullable()
      .meta({ description: 'In the order in which they were made; null where they are not asked for.' }),
  })
  .meta({ id: 'SiteResponse', description: 'Where assets meet the grid.' });

/** One page of sites, by id. */
export const listAssetSitesResponse = z
  .strictObject({ ...pageEcho, sites: z.array(assetSite).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'SiteListResponse', description: 'One page of sites.' });
