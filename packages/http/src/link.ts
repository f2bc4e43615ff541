/**
 * The `Link` header of a page that has a successor: the same request, relative to the server, from the cursor on.
 *
 * @param url request target as sent: path and query
 */
export function nextPageLink(url: string, cursor: string): string {
  const [path = '', search = ''] = url.split('?', 2);
  const kept = search.split('&').filter((pair) => pair !== '' && !isPosition(pair));
  return `<${[path, [...kept, `cursor=${cursor}`].join('&')].join('?')}>; rel="next"`;
}

function isPosition(pair: string): boolean {
  const [name] = pair.split('=', 1);
  return name === 'offset' || name === 'cursor';
}
