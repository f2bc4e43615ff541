import { nameOf, searchOf } from './query-string.js';

/**
 * The `Link` header of a page that has a successor: the same request, relative to the server, from the cursor on.
 *
 * @param url request target as sent: path and query
 */
export function nextPageLink(url: string, cursor: string): string {
  return nextLink(url, ['offset', 'cursor'], `cursor=${cursor}`);
}

/** The same where pages have numbers. @param page number of the next one */
export function numberedPageLink(url: string, page: number): string {
  return nextLink(url, ['page'], `page=${page}`);
}

function nextLink(url: string, replaced: readonly string[], position: string): string {
  const [path = ''] = url.split('?', 1);
  const kept = searchOf(url)
    .split('&')
    .filter((pair) => pair !== '' && !replaced.includes(nameOf(pair)));
  return `<${escaped([path, [...kept, position].join('&')].join('?'))}>; rel="next"`;
}

/** What may be sent in a request target and yet would end the address within the header. */
function escaped(url: string): string {
  return url.replaceAll(/[<>"]/g, encodeURIComponent);
}
