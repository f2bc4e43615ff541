import { MAX_PAGE_DEPTH } from '@quarterhour/contracts';
import { jsonText, type TextReply } from './reply.js';
import { numberedPageLink } from './link.js';
import { InvalidRequestError } from './refusal.js';

/** Which page was asked for: numbers from 1. */
export interface NumberedPage {
  readonly page: number;
  readonly limit: number;
}

/** How many rows come before a page. @throws InvalidRequestError when it ends beyond what is counted off */
export function offsetOf({ page, limit }: NumberedPage): number {
  if (isWithinReach({ page, limit })) return (page - 1) * limit;
  const code = 'page_too_far';
  const message = `page times limit is more than ${MAX_PAGE_DEPTH}`;
  throw new InvalidRequestError([{ in: 'query', path: ['page'], code, message, input: page }]);
}

function isWithinReach({ page, limit }: NumberedPage): boolean {
  return page * limit <= MAX_PAGE_DEPTH;
}

/**
 * 200 with one page of a list whose pages have numbers, `{ data, meta }`, and the address of the next one that can be asked for.
 *
 * @param found the rows of the page as a JSON array, and how many the whole list has
 * @param url request target as sent
 */
export function numberedPageReply(
  { page, limit }: NumberedPage,
  { json, total }: { readonly json: string; readonly total: number },
  url: string,
): TextReply {
  const meta = { page, limit, total, totalPages: Math.ceil(total / limit) };
  const hasNext = page < meta.totalPages && isWithinReach({ page: page + 1, limit });
  const link = hasNext ? { link: numberedPageLink(url, page + 1) } : {};
  return jsonText(`{"data":${json},"meta":${JSON.stringify(meta)}}`, link);
}
