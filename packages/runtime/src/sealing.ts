import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readRingKeys } from './key-ring.js';
import type { RingKeys } from './key-ring.js';

/** Where a sealed value is kept. It opens there and nowhere else. */
export interface SealedPlace {
  /** Whose it is: an organisation's id. */
  readonly orgId: string;
  /** With its schema: `app.api_key`. */
  readonly table: string;
  readonly column: string;
  /** Primary key of the row, after the organisation. */
  readonly rowId: string;
}

/** A sealed value was not sealed for this place, is not as it was sealed, or its key is not in the ring. */
export class SealedValueError extends Error {
  override readonly name = 'SealedValueError';
  readonly code = 'SEALED_VALUE_REFUSED';
}

/**
 * Seals secrets for the database and opens them again.
 *
 * Each secret has a key of its own (AES-256-GCM), which is wrapped with a key of the ring (AES-256-GCM). Both layers are
 * bound to the place, the outer one to the ring's key as well. There is no fallback: what does not open throws.
 *
 * Form: `v1.<key id>.<nonce>.<wrapped key and tag>.<nonce>.<ciphertext and tag>`, binary parts in base64url.
 */
export interface KeyRing {
  /** @throws KeyRingError when the file has become unusable: it is read again, so that a rotation is heard of */
  seal(plaintext: string, place: SealedPlace): string;
  /** @throws SealedValueError, KeyRingError when a key is looked for and the file has become unusable */
  open(sealed: string, place: SealedPlace): string;
  /**
   * The same secret under the ring's newest key; what already is comes back as it was. The secret is opened on the way, so
   * that nothing broken is carried on.
   *
   * @throws SealedValueError, KeyRingError
   */
  rewrap(sealed: string, place: SealedPlace): string;
  /** Id of the key that new secrets are sealed with. @throws KeyRingError */
  newestKeyId(): string;
}

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORM = /^v1\.([A-Za-z0-9_-]{1,40})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/**
 * Opens the key ring of a file. The file is read now; when something is sealed, so that a process that runs
 * through a rotation takes the new key; and when a key is asked for that was not there.
 *
 * @param path see {@link readRingKeys}
 * @throws KeyRingError when the file cannot be used
 */
export function openKeyRing(path: string): KeyRing {
  let ring = readRingKeys(path);
  const reread = (): RingKeys => (ring = readRingKeys(path));
  const keyOf = (id: string): Buffer => {
    const key = ring.keys.get(id) ?? reread().keys.get(id);
    if (key === undefined) throw new SealedValueError('its key is not in the key ring');
    return key;
  };
  const unwrap = (parts: Parts, place: SealedPlace): Buffer =>
    decrypt(keyOf(parts.keyId), parts.wrappedKey, keyContext(place, parts.keyId));
  const wrap = (dataKey: Buffer, place: SealedPlace): Pick<Parts, 'keyId' | 'wrappedKey'> => {
    const { newest: keyId } = reread();
    return { keyId, wrappedKey: encrypt(keyOf(keyId), dataKey, keyContext(place, keyId)) };
  };

  return {
    seal(plaintext, place) {
      const dataKey = randomBytes(KEY_BYTES);
      const secret = encrypt(dataKey, Buffer.from(plaintext), secretContext(place));
      return textOf({ ...wrap(dataKey, place), secret });
    },
    open(sealed, place) {
      const parts = partsOf(sealed);
      return decrypt(unwrap(parts, place), parts.secret, secretContext(place)).toString();
    },
    rewrap(sealed, place) {
      const parts = partsOf(sealed);
      const dataKey = unwrap(parts, place);
      decrypt(dataKey, parts.secret, secretContext(place));
      if (parts.keyId === reread().newest) return sealed;
      return textOf({ ...wrap(dataKey, place), secret: parts.secret });
    },
    newestKeyId: () => reread().newest,
  };
}

/** Id of the ring's key that a value is sealed with. Nothing is opened. @throws SealedValueError when it is no sealed value */
export function keyIdOf(sealed: string): string {
  return partsOf(sealed).keyId;
}

/** What both layers consist of. */
interface Parts {
  readonly keyId: string;
  readonly wrappedKey: Box;
  readonly secret: Box;
}

interface Box {
  readonly nonce: Buffer;
  /** Ciphertext, then tag. */
  readonly bytes: Buffer;
}

/** Binds the secret to its place. JSON keeps the parts apart whatever is in them. */
function secretContext({ orgId, table, column, rowId }: SealedPlace): string {
  return JSON.stringify([VERSION, 'secret', orgId, table, column, rowId]);
}

/** Binds the wrapped key to its place and to the key that wraps it. */
function keyContext({ orgId, table, column, rowId }: SealedPlace, keyId: string): string {
  return JSON.stringify([VERSION, 'key', orgId, table, column, rowId, keyId]);
}

function encrypt(key: Buffer, plain: Buffer, context: string): Box {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
  return { nonce, bytes: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]) };
}

function decrypt(key: Buffer, { nonce, bytes }: Box, context: string): Buffer {
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(end));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]);
  } catch (error) {
    throw new SealedValueError('it is not what was sealed, or not for this place', { cause: error });
  }
}

function textOf({ keyId, wrappedKey, secret }: Parts): string {
  const binary = [wrappedKey.nonce, wrappedKey.bytes, secret.nonce, secret.bytes];
  return [VERSION, keyId, ...binary.map((bytes) => bytes.toString('base64url'))].join('.');
}

function partsOf(sealed: string): Parts {
  const [, keyId = '', ...texts] = FORM.exec(sealed) ?? [];
  const [keyNonce, wrapped, nonce, secret] = texts.map(bytesOf);
  if (keyNonce === undefined || wrapped === undefined || nonce === undefined || secret === undefined) throw misshapen();
  if (keyNonce.length !== NONCE_BYTES || nonce.length !== NONCE_BYTES) throw misshapen();
  if (wrapped.length !== KEY_BYTES + TAG_BYTES || secret.length < TAG_BYTES) throw misshapen();
  return { keyId, wrappedKey: { nonce: keyNonce, bytes: wrapped }, secret: { nonce, bytes: secret } };
}

/** One spelling per value: what decodes to the same bytes from another text is refused. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw misshapen();
  return bytes;
}

function misshapen(): SealedValueError {
  return new SealedValueError('it does not have the form of a sealed value');
}
