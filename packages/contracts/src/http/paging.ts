/** Most rows of one page. */
export const MAX_PAGE_LIMIT = 1_000;

/** Rows of a page when nothing is said. */
export const DEFAULT_PAGE_LIMIT = 50;

/** `offset + limit` beyond this is refused: the cursor of the `Link` header goes on at no extra cost. */
export const MAX_PAGE_DEPTH = 100_000;

/** For the description of a `limit` that also serves exports. */
export function pageLimitText(otherwise: number): string {
  return `Of a page of JSON at most ${MAX_PAGE_LIMIT}, ${otherwise} when left out.`;
}
