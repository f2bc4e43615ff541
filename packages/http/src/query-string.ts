import { InvalidRequestError } from './refusal.js';

/** What is wrong with an address that cannot be decoded. */
export const BROKEN_ESCAPE = 'A percent sign needs two hexadecimal digits after it, and the bytes have to be UTF-8';

/** Query parameters as sent: a text, or the texts in order when a name was repeated. */
export type RawQuery = Readonly<Record<string, string | readonly string[]>>;

/** Names of parameters, by other names that are taken for them. */
export type Spellings = Readonly<Record<string, string>>;

/**
 * Reads a query string. Names are taken literally: `a[]` and `a[b]` are names like any other.
 *
 * @param search what follows the question mark, percent-encoded; empty for none
 * @param spellings names that are read as others; one parameter under two of its names was repeated
 * @throws InvalidRequestError `escape_parsing` when a percent escape is broken or is not UTF-8
 */
export function parseQueryString(search: string, spellings: Spellings = {}): RawQuery {
  const values = new Map<string, string[]>();
  for (const pair of search.split('&')) {
    if (pair === '') continue;
    const [spelled, value] = splitPair(pair);
    const name = Object.hasOwn(spellings, spelled) ? (spellings[spelled] ?? spelled) : spelled;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return Object.fromEntries([...values].map(([name, texts]) => [name, texts.length === 1 ? texts.join() : texts]));
}

/** Name of one `name=value` of a query string. @throws InvalidRequestError like {@link parseQueryString} */
export function nameOf(pair: string): string {
  return splitPair(pair)[0];
}

/** The part of a request target after the first question mark. */
export function searchOf(url: string): string {
  const start = url.indexOf('?');
  return start === -1 ? '' : url.slice(start + 1);
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals === -1 ? [decoded(pair), ''] : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    const complaint = { in: 'query', path: [], code: 'escape_parsing', message: BROKEN_ESCAPE, input: text } as const;
    throw new InvalidRequestError([complaint], { cause: error });
  }
}
