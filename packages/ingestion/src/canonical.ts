import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { FaultError } from './received.js';

/** Most significant digits with which a JSON number literal is certain to mean what it says. */
const EXACT_NUMBER_DIGITS = 15;

/**
 * SHA-256 of a message's content: two copies are the same when this is. Key order, white space and a signature do not
 * matter.
 *
 * @throws FaultError for what has no canonical form: a number beyond a double, a lone surrogate
 */
export function contentHash(value: Readonly<Record<string, unknown>>): Buffer {
  const { signature, ...content } = value;
  return hash('sha256', canonicalText(content), 'buffer');
}

/**
 * The one text of a JSON object: members in the order of their names' code units, no white space, strings and numbers as
 * ECMAScript writes them (RFC 8785). It is the reading taken of what VCP 1.1 signs.
 *
 * @throws FaultError for what has no canonical form
 */
export function canonicalText(content: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalize(content) ?? '';
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FaultError('schema', null, `has no canonical form: ${why}`);
  }
}

/** @throws FaultError for a number literal that a double may have rounded */
export function refuseInexactNumbers(longestNumber: number): void {
  if (longestNumber > EXACT_NUMBER_DIGITS) {
    const detail = `a number of ${longestNumber} significant digits is not exact in JSON: send the amount as a string`;
    throw new FaultError('schema', null, detail);
  }
}
