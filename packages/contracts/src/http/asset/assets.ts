import { z } from 'zod';
import { dateText } from '../../scalars.js';
import { dateOutput, instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import {
  areaOfRegion,
  ASSET_TYPES,
  assetLifecycle,
  assetType,
  deliveryArea,
  provider,
  PROVIDERS,
  region,
} from './enums.js';
import { codeInput, idInput, nameInput } from './inputs.js';
import { cursorParameter, pageEcho, pageParameters, pageRules } from './list-query.js';

/** Path of what is about one asset. */
export const assetPath = z.strictObject({ asset_id: idInput });

/** Body of `POST /asset-api/v1/assets`. The same code may be used again: the id tells assets apart. */
export const createAssetBody = z
  .strictObject({
    code: codeInput,
    name: nameInput,
    type: assetType,
    region,
    delivery_area: deliveryArea,
    provider,
  })
  .superRefine(areaOfRegion)
  .meta({ id: 'CreateAssetRequest' });
export type CreateAssetBody = z.output<typeof createAssetBody>;

/** A date from the year 1 on: the store knows no year 0. */
const goLiveDateInput = dateText.refine((text) => !text.startsWith('0000'), {
  error: 'Dates are from 0001-01-01',
  params: { type: 'date_range' },
});

/** Body of `PATCH /asset-api/v1/assets/{asset_id}`. What is left out or null stays; what the id is made from never changes. */
export const patchAssetBody = z
  .strictObject({
    name: nameInput.nullish(),
    type: z.enum(ASSET_TYPES).nullish(),
    go_live_date: goLiveDateInput.nullish().meta({ format: 'date' }),
    provider: z.enum(PROVIDERS).nullish(),
  })
  .meta({ id: 'PatchAssetRequest' });
export type PatchAssetBody = z.output<typeof patchAssetBody>;

/** An asset as the asset API answers it. */
export const assetOutput = z
  .strictObject({
    id: z
      .string()
      .regex(/^(DE|PL)_(50HZ|AMPN|TNBW|TNNT|PSE)_[A-Z0-9][A-Z0-9_-]{0,63}_[1-9][0-9]*$/)
      .meta({ description: 'Made when the asset is registered, and never used again.' }),
    code: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
    name: z.string().min(1).max(200),
    type: assetType,
    region,
    delivery_area: deliveryArea,
    lifecycle: assetLifecycle,
    provider,
    go_live_date: z.union([dateOutput, z.null()]),
    created_at: instantOutput,
    updated_at: instantOutput,
  })
  .meta({ id: 'AssetResponse', description: 'The commercial unit that is dispatched, limited and reserved.' });
export type AssetOutput = z.infer<typeof assetOutput>;

/** Query of `GET /asset-api/v1/assets`. Filters that are given hold together. */
export const listAssetsQuery = z
  .strictObject({
    ...pageParameters,
    type: assetType.optional(),
    region: region.optional(),
    lifecycle: assetLifecycle.optional(),
    delivery_area: deliveryArea.optional(),
    provider: provider.optional(),
    ...cursorParameter,
  })
  .superRefine(pageRules);
export type ListAssetsQuery = z.output<typeof listAssetsQuery>;

/** One page of assets, by id. */
export const listAssetsResponse = z
  .strictObject({ ...pageEcho, assets: z.array(assetOutput).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'AssetListResponse', description: 'One page of assets.' });
