import { nameOf, searchOf } from './query-string.js';

/**
 * The `Link` header of a page that has a successor: the same request, relative to the server, from the cursor on.
 *
 * @param url request target as sent: path and query
 */
export function nextPageLink(url: string, cursor: string): string {
  const [path = ''] = url.split('?', 1);
  const kept = searchOf(url)
    .split('&')
    .filter((pair) => pair !== '' && !POSITION.has(nameOf(pair)));
  return `<${escaped([path, [...kept, `cursor=${cursor}`].join('&')].join('?'))}>; rel="next"`;
}

const POSITION: ReadonlySet<string> = new Set(['offset', 'cursor']);

/** What may be sent in a request target and yet would end the address within the header. */
function escaped(url: string): string {
  return url.replaceAll(/[<>"]/g, encodeURIComponent);
}
