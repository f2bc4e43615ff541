import { z } from 'zod';
import { energyOutput, instantOutput, powerOutput, uuidOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { queryDate, queryInstant } from '../query.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
} from './list-query.js';

const dispatchFilters = {
  ...assetIdsParameter,
  from: queryInstant
    .optional()
    .meta({ description: 'Start of the window of dispatch_time, included. Required unless delivery_day is given.' }),
  to: queryInstant.optional().meta({
    description: 'End of the window of dispatch_time, not included. Required unless delivery_day is given.',
  }),
  delivery_day: queryDate.optional().meta({ description: 'Market-local date of delivery_period_start.' }),
  order: z.enum(['asc', 'desc']).default('asc').meta({ description: 'Direction of dispatch_time, then event_id.' }),
  ...asOfParameter,
  ...cursorParameter,
};

/**
 * Query of `GET /asset-api/v1/dispatches`.
 *
 * `[from, to)` bounds `dispatch_time` and is required unless `delivery_day` is there; what is given together intersects.
 * `delivery_day` is the market-local date of `delivery_period_start`. With `cursor`, `offset` must be absent. `order`, `as_of`
 * and `cursor` are ours, beside the contract's parameters.
 */
export const listDispatchesQuery = z
  .strictObject({ ...pageParameters, ...dispatchFilters })
  .superRefine(requireWindow, { when: () => true })
  .superRefine(pageRules);
export type ListDispatchesQuery = z.output<typeof listDispatchesQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportDispatchesQuery = z
  .strictObject({ ...exportParameters, ...dispatchFilters })
  .superRefine(requireWindow, { when: () => true });
export type ExportDispatchesQuery = z.output<typeof exportDispatchesQuery>;

/** Asked whatever else is wrong, so that a request learns of everything that it left out at once. */
function requireWindow(query: WindowOrDay, ctx: z.RefinementCtx): void {
  for (const end of ['from', 'to'] as const) {
    if (query[end] === undefined && query.delivery_day === undefined) {
      ctx.addIssue({
        code: 'custom',
        path: [end],
        message: 'Field required unless delivery_day is given',
        params: { type: 'missing' },
      });
    }
  }
}

interface WindowOrDay {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly delivery_day?: string | undefined;
}

/** One dispatch command as the asset API answers it. The last three may be unknown. */
export const assetDispatch = z
  .strictObject({
    source: z.string().min(1).meta({ description: 'Who decided it.' }),
    event_id: uuidOutput.meta({ description: 'Identifies the command for ever.' }),
    published_at: instantOutput,
    asset_id: z.string().min(1).max(160),
    dispatch_time: instantOutput.meta({ description: 'When the asset is to act.' }),
    delivery_period_start: instantOutput.meta({ description: 'Start of the quarter hour that it belongs to.' }),
    target_power: powerOutput,
    nominal_power: z.union([powerOutput, z.null()]),
    power_imbalance: z.union([powerOutput, z.null()]),
    soc_imbalance: z.union([energyOutput, z.null()]),
  })
  .meta({ id: 'Dispatch', description: 'A dispatch command: an asset runs at a power from an instant on.' });
export type AssetDispatch = z.infer<typeof assetDispatch>;

/** One page of dispatches, ordered by `dispatch_time`, then `event_id`. Echoes `limit` and `offset`; has no total. */
export const listDispatchesResponse = z
  .strictObject({
    dispatches: z.array(assetDispatch).max(MAX_PAGE_LIMIT),
    ...pageEcho,
  })
  .meta({ id: 'DispatchListResponse', description: 'One page of dispatches.' });
export type ListDispatchesResponse = z.infer<typeof listDispatchesResponse>;
