import { z } from 'zod';
import { MAX_PAGE_DEPTH } from '../paging.js';
import { queryInteger } from '../query.js';

/** Most rows of one page of a list below `/api/v1`. */
export const MAX_NUMBERED_PAGE_LIMIT = 100;

/** A page of a list below `/api/v1` is asked for by its number; `page * limit` has to be at most {@link MAX_PAGE_DEPTH}. */
export const numberedPageQuery = z.strictObject({
  page: queryInteger({ min: 1, max: MAX_PAGE_DEPTH })
    .default(1)
    .meta({ description: `Number of the page, from 1. Times limit at most ${MAX_PAGE_DEPTH}.` }),
  limit: queryInteger({ min: 1, max: MAX_NUMBERED_PAGE_LIMIT })
    .default(20)
    .meta({ description: `Rows of a page, at most ${MAX_NUMBERED_PAGE_LIMIT}.` }),
});
export type NumberedPageQuery = z.output<typeof numberedPageQuery>;

const pageMeta = z
  .strictObject({
    page: z.int().min(1),
    limit: z.int().min(1).max(MAX_NUMBERED_PAGE_LIMIT),
    total: z.int().min(0),
    totalPages: z.int().min(0),
  })
  .meta({ id: 'PageMeta', description: 'Which page this is, and of how many.' });

/** One page of a list below `/api/v1`: `{ data, meta }`. */
export function numberedPage<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ data: z.array(item).max(MAX_NUMBERED_PAGE_LIMIT), meta: pageMeta });
}
