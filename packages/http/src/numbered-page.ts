import { jsonText, type TextReply } from './reply.js';
import { numberedPageLink } from './link.js';

/** Which page was asked for: numbers from 1. */
export interface NumberedPage {
  readonly page: number;
  readonly limit: number;
}

/** How many rows come before a page. */
export function offsetOf({ page, limit }: NumberedPage): number {
  return (page - 1) * limit;
}

/**
 * 200 with one page of a list whose pages have numbers, `{ data, meta }`, and the address of the next one.
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
  const link = page < meta.totalPages ? { link: numberedPageLink(url, page + 1) } : {};
  return jsonText(`{"data":${json},"meta":${JSON.stringify(meta)}}`, link);
}
