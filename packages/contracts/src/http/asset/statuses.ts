import { z } from 'zod';
import { instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryBoolean, queryInstant, queryList } from '../query.js';
import { assetStatus, statusReasonCategory } from './enums.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
} from './list-query.js';

const statusFilters = {
  ...assetIdsParameter,
  latest: queryBoolean.default(false).meta({
    description: 'Only the newest entry of each asset, within the window if one is given.',
    default: false,
  }),
  from: queryInstant.optional().meta({
    description: 'Start of the window of effective_at, included. Required unless latest is true.',
  }),
  to: queryInstant.optional().meta({
    description: 'End of the window of effective_at, not included. Without latest it is now when left out.',
  }),
  status: queryList(assetStatus, assetStatus.options.length).optional().meta({
    description: 'Keeps entries with one of these; of the newest ones, after they were picked.',
  }),
  ...asOfParameter,
  ...cursorParameter,
};

/**
 * Query of `GET /asset-api/v1/statuses`: all entries of a window, or the newest of each asset. `[from, to)` bounds
 * `effective_at`.
 */
export const listStatusesQuery = z
  .strictObject({ ...pageParameters, ...statusFilters })
  .superRefine(requireWindow, { when: () => true })
  .superRefine(pageRules);
export type ListStatusesQuery = z.output<typeof listStatusesQuery>;

/** The same for an export. */
export const exportStatusesQuery = z
  .strictObject({ ...exportParameters, ...statusFilters })
  .superRefine(requireWindow, { when: () => true });
export type ExportStatusesQuery = z.output<typeof exportStatusesQuery>;

/** Query of `GET /asset-api/v1/assets/{asset_id}/status`. */
export const getAssetStatusQuery = z.strictObject(asOfParameter);

/** Asked whatever else is wrong, so that a request learns of everything that it left out at once. */
function requireWindow({ latest, from }: Window, ctx: z.RefinementCtx): void {
  if (latest !== false || from !== undefined) return;
  ctx.addIssue({
    code: 'custom',
    path: ['from'],
    message: 'Field required unless latest is true',
    params: { type: 'missing' },
  });
}

interface Window {
  readonly latest?: boolean | undefined;
  readonly from?: string | undefined;
}

/** Why an asset is as it is. */
const statusReason = z
  .strictObject({
    category: statusReasonCategory,
    detail: z.string().nullable(),
    source: z.string().nullable(),
    attributes: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'StatusReason' });

/** How an asset was from an instant on. */
export const assetStatusEntry = z
  .strictObject({
    asset_id: z.string().min(1).max(160),
    status: assetStatus,
    effective_at: instantOutput.meta({ description: 'Since when.' }),
    reasons: z.array(statusReason),
    created_at: instantOutput.meta({ description: 'When this became known.' }),
  })
  .meta({ id: 'AssetStatusEntry', description: 'How an asset was from an instant on, and why.' });

/** One page of statuses: by `effective_at`, then `asset_id`; the newest ones by `asset_id`. */
export const listStatusesResponse = z
  .strictObject({ ...pageEcho, statuses: z.array(assetStatusEntry).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'StatusListResponse', description: 'One page of statuses.' });
