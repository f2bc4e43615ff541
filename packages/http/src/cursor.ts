import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { InvalidRequestError } from './refusal.js';

/** Where a page ended. */
export interface Position {
  /** Sort key of the last row, in the list's order. */
  readonly sortKey: readonly string[];
  /** Instant up to which the first page knew things; later pages keep to it. Null when the list has no such instant. */
  readonly knownAt: string | null;
}

/** The list that a cursor belongs to. It opens for no other. */
export interface ListIdentity {
  /** Operation id of the list. */
  readonly route: string;
  /** Everything that selects or orders rows, as parsed; not the page size. Undefined members do not count. */
  readonly filters: Readonly<Record<string, unknown>>;
  /** Organisations that the request sees. */
  readonly organisations: readonly string[];
}

/** Seals positions into opaque texts, and opens them again. */
export interface Cursors {
  seal(list: ListIdentity, position: Position): string;
  /** @throws InvalidRequestError when the text was not sealed with this key for this very list */
  open(list: ListIdentity, text: string): Position;
}

const VERSION = 1;
const MAC_BYTES = 32;
const payloadShape = z.tuple([z.literal(VERSION), z.array(z.string()), z.string().nullable(), z.string()]);

/**
 * Makes the sealer of cursors. A cursor is base64url of a JSON array (version, sort key, known-at, hash of the list)
 * followed by its HMAC-SHA-256: readable, not forgeable, and bound to route, filters and organisations.
 *
 * @param key secret, 32 bytes; the same in every process that serves the list
 * @throws RangeError when the key has another length
 */
export function createCursors(key: Uint8Array): Cursors {
  if (key.length !== MAC_BYTES) throw new RangeError('the cursor key has 32 bytes');
  const macOf = (payload: Uint8Array) => createHmac('sha256', key).update(payload).digest();
  return {
    seal(list, { sortKey, knownAt }) {
      const payload = Buffer.from(JSON.stringify([VERSION, sortKey, knownAt, hashOf(list)]));
      return Buffer.concat([payload, macOf(payload)]).toString('base64url');
    },
    open(list, text) {
      const sealed = Buffer.from(text, 'base64url');
      if (sealed.length <= MAC_BYTES || sealed.toString('base64url') !== text) throw invalidCursor(text);
      const payload = sealed.subarray(0, -MAC_BYTES);
      if (!timingSafeEqual(macOf(payload), sealed.subarray(-MAC_BYTES))) throw invalidCursor(text);
      const parsed = payloadShape.safeParse(JSON.parse(payload.toString('utf8')));
      if (!parsed.success || parsed.data[3] !== hashOf(list)) throw invalidCursor(text);
      return { sortKey: parsed.data[1], knownAt: parsed.data[2] };
    },
  };
}

function hashOf({ route, filters, organisations }: ListIdentity): string {
  const set = Object.entries(filters).filter(([, value]) => value !== undefined);
  const identity = [route, set.sort(([a], [b]) => (a < b ? -1 : 1)), [...organisations].sort()];
  return createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
}

function invalidCursor(text: string): InvalidRequestError {
  return new InvalidRequestError([
    {
      in: 'query',
      path: ['cursor'],
      code: 'invalid_cursor',
      message: 'This cursor does not belong to this request; begin again without it',
      input: text,
    },
  ]);
}
