import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

const ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;
const VERIFIER = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/**
 * What Postgres stores for a password, so that the password itself never travels or lands in a log.
 *
 * @param password printable ASCII, which needs no normalisation
 * @throws RangeError for any other password
 * @see RFC 5803, RFC 7677
 */
export function scramVerifier(password: string): string {
  return verifier(password, randomBytes(SALT_BYTES), ITERATIONS);
}

/** Whether a stored verifier was made from this password. */
export function verifies(stored: string, password: string): boolean {
  const [, iterations, salt] = VERIFIER.exec(stored) ?? [];
  if (iterations === undefined || salt === undefined) return false;
  const expected = Buffer.from(verifier(password, Buffer.from(salt, 'base64'), Number(iterations)));
  const actual = Buffer.from(stored);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function verifier(password: string, salt: Buffer, iterations: number): string {
  if (!PRINTABLE_ASCII.test(password)) throw new RangeError('a role password is printable ASCII and not empty');
  const salted = pbkdf2Sync(password, salt, iterations, KEY_BYTES, 'sha256');
  const storedKey = createHash('sha256').update(keyed(salted, 'Client Key')).digest('base64');
  const serverKey = keyed(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function keyed(key: Buffer, label: string): Buffer {
  return createHmac('sha256', key).update(label).digest();
}
