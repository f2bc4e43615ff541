import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalText } from '../canonical.js';

/** How a signing key, which is handed out as text, becomes the bytes of the HMAC's key: the reading taken of VCP 1.1. */
const SIGNING_KEY_ENCODING = 'hex';

/** The only algorithm there is, as `signatureAlgo` names it. */
export const SIGNATURE_ALGORITHM = 'HMAC-SHA256';

type Envelope = Readonly<Record<string, unknown>>;

/** Bytes of a signing key. @param text 64 hexadecimal digits */
export function signingKeyBytes(text: string): Buffer {
  return Buffer.from(text, SIGNING_KEY_ENCODING);
}

/**
 * Signature of an envelope: HMAC-SHA256 over the canonical JSON of all its members but `signature`, in base64url without
 * padding.
 *
 * @throws FaultError for what has no canonical form
 */
export function signatureOf({ signature, ...content }: Envelope, key: Buffer): string {
  return createHmac('sha256', key).update(canonicalText(content)).digest('base64url');
}

/**
 * Whether an envelope is signed with a key. Padding is accepted, no other spelling of the same bytes is.
 *
 * @throws FaultError for what has no canonical form
 */
export function isSignedWith(envelope: Envelope, key: Buffer): boolean {
  const { signature, signatureAlgo = SIGNATURE_ALGORITHM } = envelope;
  if (signatureAlgo !== SIGNATURE_ALGORITHM || typeof signature !== 'string') return false;
  const given = Buffer.from(signature.replace(/=$/, ''));
  const right = Buffer.from(signatureOf(envelope, key));
  return given.length === right.length && timingSafeEqual(given, right);
}
