import { isUtf8 } from 'node:buffer';
import type { Delivery } from './delivery.js';
import { countMembers, isObject, scanJson, type JsonScan } from './json-scan.js';
import { FaultError } from './received.js';

/** Deepest nesting that is read; a deeper body is refused before it is parsed. */
export const MAX_DEPTH = 64;

/** Most members and elements of a body, at whatever depth; far beyond what any format has. */
export const MAX_VALUES = 20_000;

/** Longest key of a member, in bytes as it is written. */
export const MAX_KEY_BYTES = 1_000;

/** A body that is one JSON object, and what only its bytes could show. */
export interface DecodedBody {
  readonly value: Readonly<Record<string, unknown>>;
  /** Significant digits of the longest number literal. */
  readonly longestNumber: number;
}

/**
 * Reads a delivery's body as one JSON object, strictly and without I/O.
 *
 * @param maxBytes largest body of the stream
 * @throws FaultError size, encoding, charset, depth, syntax, schema or duplicate_key, in this order
 */
export function decode(delivery: Delivery, maxBytes: number): DecodedBody {
  const { body, properties } = delivery;
  refuseLarge(body, maxBytes);
  refuseEncoded(properties.contentEncoding);
  refuseOtherCharsets(body, properties.contentType);
  const scan = scanJson(body, MAX_DEPTH);
  if (scan.depth > MAX_DEPTH) throw new FaultError('depth', null, `nested deeper than ${MAX_DEPTH} levels`);
  const value = parse(body);
  if (!isObject(value)) throw new FaultError('schema', null, 'the body is not a JSON object');
  refuseAbundance(scan);
  if (countMembers(value) !== scan.members) {
    throw new FaultError('duplicate_key', null, 'a key is given more than once in one object');
  }
  return { value, longestNumber: scan.longestNumber };
}

function refuseLarge(body: Buffer, maxBytes: number): void {
  if (body.length > maxBytes) {
    throw new FaultError('size', null, `${body.length} bytes; at most ${maxBytes} are taken on this stream`);
  }
}

function refuseEncoded(contentEncoding: string | undefined): void {
  if (contentEncoding !== undefined && contentEncoding !== '' && !/^(identity|utf-?8)$/i.test(contentEncoding)) {
    throw new FaultError('encoding', null, 'content_encoding is not accepted: send the body as it is');
  }
}

function refuseOtherCharsets(body: Buffer, contentType: string | undefined): void {
  const charset = contentType === undefined ? undefined : /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new FaultError('charset', null, 'content_type names a charset other than UTF-8');
  }
  if (!isUtf8(body)) throw new FaultError('charset', null, 'the body is not valid UTF-8');
}

function refuseAbundance({ members, further, longestKey }: JsonScan): void {
  if (members > MAX_VALUES || further > MAX_VALUES) {
    throw new FaultError('schema', null, `more than ${MAX_VALUES} members or elements`);
  }
  if (longestKey > MAX_KEY_BYTES) throw new FaultError('schema', null, `a key of more than ${MAX_KEY_BYTES} bytes`);
}

function parse(body: Buffer): unknown {
  if (body.length === 0) throw new FaultError('syntax', null, 'the body is empty');
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) {
    throw new FaultError('syntax', null, 'the body begins with a byte-order mark: send JSON without one');
  }
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    const position = error instanceof SyntaxError ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw new FaultError(
      'syntax',
      null,
      `the body is not one JSON text${position ? `, from character ${position} on` : ''}`,
    );
  }
}
