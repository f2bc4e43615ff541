import { z } from 'zod';
import { plainText } from '../../scalars.js';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_DEPTH, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { energyOutput, instantOutput, powerOutput, uuidOutput } from '../outputs.js';
import { exportLimit, queryAsOf, queryCursor, queryDate, queryInstant, queryInteger, queryList } from '../query.js';

/** Most assets of one query. */
export const MAX_ASSET_IDS = 500;

const dispatchFilters = {
  asset_ids: queryList(plainText(160), MAX_ASSET_IDS).meta({
    description: 'Assets, repeated or comma-separated. Unknown ids contribute nothing.',
  }),
  from: queryInstant
    .optional()
    .meta({ description: 'Start of the window of dispatch_time, included. Required unless delivery_day is given.' }),
  to: queryInstant.optional().meta({
    description: 'End of the window of dispatch_time, not included. Required unless delivery_day is given.',
  }),
  delivery_day: queryDate.optional().meta({ description: 'Market-local date of delivery_period_start.' }),
  order: z.enum(['asc', 'desc']).default('asc').meta({ description: 'Direction of dispatch_time, then event_id.' }),
  as_of: queryAsOf.optional(),
  cursor: queryCursor.optional(),
};

/**
 * Query of `GET /asset-api/v1/dispatches`.
 *
 * `[from, to)` bounds `dispatch_time` and is required unless `delivery_day` is there; what is given together intersects.
 * `delivery_day` is the market-local date of `delivery_period_start`. With `cursor`, `offset` must be absent. `order`, `as_of`
 * and `cursor` are ours, beside the contract's parameters.
 */
export const listDispatchesQuery = z
  .strictObject({
    limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
      .default(DEFAULT_PAGE_LIMIT)
      .meta({ description: 'Most rows of this page.' }),
    offset: queryInteger({ min: 0 })
      .optional()
      .meta({ description: `Rows to skip. offset + limit is at most ${MAX_PAGE_DEPTH}. Not for exports.`, default: 0 }),
    ...dispatchFilters,
  })
  .superRefine(requireWindow, { when: () => true })
  .superRefine((query, ctx) => {
    if (query.cursor !== undefined && query.offset !== undefined) {
      ctx.addIssue({
        code: 'custom',
        path: ['offset'],
        message: 'A cursor already says where the page begins: leave offset out',
        params: { type: 'offset_with_cursor' },
      });
    }
    if ((query.offset ?? 0) + query.limit > MAX_PAGE_DEPTH) {
      ctx.addIssue({
        code: 'custom',
        path: ['offset'],
        message: `offset + limit is at most ${MAX_PAGE_DEPTH}; follow the Link header (rel="next") to read further`,
        params: { type: 'offset_too_deep', ctx: { max: MAX_PAGE_DEPTH } },
      });
    }
  });
export type ListDispatchesQuery = z.output<typeof listDispatchesQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportDispatchesQuery = z
  .strictObject({
    limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)),
    ...dispatchFilters,
  })
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
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
    offset: z.int().min(0),
  })
  .meta({ id: 'DispatchListResponse', description: 'One page of dispatches.' });
export type ListDispatchesResponse = z.infer<typeof listDispatchesResponse>;
