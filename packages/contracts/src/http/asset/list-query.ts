import { z } from 'zod';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_DEPTH, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { exportLimit, queryAsOf, queryCursor, queryInstant, queryInteger, queryList } from '../query.js';
import { idInput } from './inputs.js';

/** Most assets of one query. */
export const MAX_ASSET_IDS = 500;

/** Which assets a list is about. */
export const assetIdsParameter = {
  asset_ids: queryList(idInput, MAX_ASSET_IDS).meta({
    description: 'Assets, repeated or comma-separated. Unknown ids contribute nothing.',
  }),
};

/** Which rows of a list make its page. */
export const pageParameters = {
  limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
    .default(DEFAULT_PAGE_LIMIT)
    .meta({ description: 'Most rows of this page.' }),
  offset: queryInteger({ min: 0 })
    .optional()
    .meta({ description: `Rows to skip. offset + limit is at most ${MAX_PAGE_DEPTH}. Not for exports.`, default: 0 }),
};

/** How many rows an export has. */
export const exportParameters = { limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)) };

/** Where a list is taken up again; ours, beside the contract's parameters. */
export const cursorParameter = { cursor: queryCursor.optional() };

/** Up to when a list knows things; ours, beside the contract's parameters. */
export const asOfParameter = { as_of: queryAsOf.optional() };

/** Both ends of a window that has to be given. `to` is not included. */
export function windowParameters(field: string) {
  return {
    from: queryInstant.meta({ format: 'date-time', description: `Start of the window of ${field}, included.` }),
    to: queryInstant.meta({ format: 'date-time', description: `End of the window of ${field}, not included.` }),
  };
}

/** What is asked about where a page begins. */
export interface PageAsked {
  readonly limit: number;
  readonly offset?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Complains about an offset beside a cursor, and about one that lies too deep. For `superRefine`. */
export function pageRules({ limit, offset, cursor }: PageAsked, ctx: z.RefinementCtx): void {
  if (cursor !== undefined && offset !== undefined) {
    ctx.addIssue({
      code: 'custom',
      path: ['offset'],
      message: 'A cursor already says where the page begins: leave offset out',
      params: { type: 'offset_with_cursor' },
    });
  }
  if ((offset ?? 0) + limit > MAX_PAGE_DEPTH) {
    ctx.addIssue({
      code: 'custom',
      path: ['offset'],
      message: `offset + limit is at most ${MAX_PAGE_DEPTH}; follow the Link header (rel="next") to read further`,
      params: { type: 'offset_too_deep', ctx: { max: MAX_PAGE_DEPTH } },
    });
  }
}

/** What every list echoes. */
export const pageEcho = {
  limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  offset: z.int().min(0),
};
