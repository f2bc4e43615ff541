/** What a look at the bytes of a JSON text shows and its parsed value no longer does. */
export interface JsonScan {
  /** Deepest nesting of objects and arrays; counting stops one above the limit. */
  readonly depth: number;
  /** Members written, repeated keys included: colons outside strings. */
  readonly members: number;
  /** Values in objects and arrays that follow another one: commas outside strings. */
  readonly further: number;
  /** Bytes of the longest key, as it is written. */
  readonly longestKey: number;
  /** Significant digits of the longest number literal. */
  readonly longestNumber: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Walks once over the bytes of a text that claims to be JSON, without recursion and without building anything.
 *
 * It runs before the parser, so that a body of millions of brackets costs no stack and little time. It does not judge
 * syntax: figures for a text that is no JSON mean nothing.
 *
 * @param body UTF-8 bytes
 * @param maxDepth where to stop: the scan returns as soon as nesting exceeds it
 */
export function scanJson(body: Uint8Array, maxDepth: number): JsonScan {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  let further = 0;
  let lastString = 0;
  let longestKey = 0;
  let longestNumber = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) {
      const end = endOfString(body, at);
      lastString = end - at - 1;
      at = end;
    } else if (byte === COLON) {
      members += 1;
      if (lastString > longestKey) longestKey = lastString;
    } else if (byte === COMMA) {
      further += 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > deepest) deepest = depth;
      if (depth > maxDepth) break;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    } else if (byte >= ZERO && byte <= NINE) {
      let digits = 0;
      let significant = 0;
      for (; at < body.length; at += 1) {
        const digit = body[at] ?? 0;
        if (digit === DOT) continue;
        if (digit < ZERO || digit > NINE) break;
        if (digits > 0 || digit !== ZERO) digits += 1;
        if (digit !== ZERO) significant = digits;
      }
      at -= 1;
      if (significant > longestNumber) longestNumber = significant;
    }
  }
  return { depth: deepest, members, further, longestKey, longestNumber };
}

function endOfString(body: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== QUOTE) {
    at += body[at] === BACKSLASH ? 2 : 1;
  }
  return at;
}

/**
 * Members of a parsed value at every depth. Fewer than {@link JsonScan.members} means that a key was repeated.
 *
 * What JSON is parsed to has no members but its own, and walking over them takes a fifth of the time of listing them.
 */
export function countMembers(value: unknown): number {
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countMembers(item);
  } else if (isObject(value)) {
    for (const name in value) {
      const member = value[name];
      count += typeof member === 'object' ? 1 + countMembers(member) : 1;
    }
  }
  return count;
}

/** Whether a parsed value is a JSON object: neither an array nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
