import { createHash } from 'node:crypto';
import { InvalidRequestError } from './refusal.js';

/** By what a request is known again when it is repeated. */
export interface Repetition {
  /** What the caller chose, in the header Idempotency-Key: unique within its organisation. */
  readonly key: string;
  /** SHA-256 of operation, path and body, as parsed: a repetition has the same. 32 bytes. */
  readonly sha256: Buffer;
}

const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * @param key value of Idempotency-Key, if sent
 * @param parsed what the request was understood as
 * @returns undefined without the header
 * @throws InvalidRequestError when the key is not 1 to 200 visible ASCII characters
 */
export function repetitionOf(
  key: string | undefined,
  operationId: string,
  parsed: { readonly params: unknown; readonly body: unknown },
): Repetition | undefined {
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw malformed(key);
  const text = JSON.stringify([operationId, parsed.params, parsed.body ?? null]);
  return { key, sha256: createHash('sha256').update(text).digest() };
}

/** The key was used for another request. */
export function keyUsedOtherwise({ key }: Repetition): InvalidRequestError {
  return complaint('idempotency_key_reused', 'This key belongs to another request: choose a new one', key);
}

function malformed(key: string): InvalidRequestError {
  return complaint('string_pattern_mismatch', '1 to 200 visible characters of ASCII', key);
}

function complaint(code: string, message: string, input: string): InvalidRequestError {
  return new InvalidRequestError([{ in: 'header', path: ['idempotency-key'], code, message, input }]);
}
