import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** Keys that wrap other keys, by id. */
export interface RingKeys {
  /** The one that is used for what is sealed from now on. */
  readonly newest: string;
  /** 32 bytes each. */
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** The file of a key ring cannot be used. Says why, and never what is in it. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
  readonly code = 'KEY_RING_INVALID';
}

const KEY_BYTES = 32;
const OTHERS = 0o007;

const keyRingFile = z.strictObject({
  newest: z.string(),
  keys: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,40}$/), z.string()),
});

/**
 * Reads a key ring: JSON of `newest`, a key id, and `keys`, which has 32 bytes in base64 under each id.
 *
 * @throws KeyRingError when there is no such file, others than its owner and group may reach it, it does not hold a key
 *   ring, a key is not 32 bytes or one byte over and over, two ids have one key, or `newest` names none
 */
export function readRingKeys(path: string): RingKeys {
  const { newest, keys: texts } = parsed(path, textOf(path));
  const keys = new Map<string, Buffer>();
  for (const [id, text] of Object.entries(texts)) {
    const key = Buffer.from(text, 'base64');
    if (key.length !== KEY_BYTES || key.toString('base64') !== text) {
      throw new KeyRingError(`key ${id} of the key ring ${path} is not ${KEY_BYTES} bytes in base64`);
    }
    if (key.every((byte) => byte === key[0])) throw new KeyRingError(`key ${id} of the key ring ${path} is no key`);
    if ([...keys.values()].some((other) => other.equals(key))) {
      throw new KeyRingError(`key ${id} of the key ring ${path} is there under another id as well`);
    }
    keys.set(id, key);
  }
  if (!keys.has(newest)) throw new KeyRingError(`the newest key of the key ring ${path} is not among its keys`);
  return { newest, keys };
}

/**
 * Makes a key ring of one new key, in a file that only its owner reads.
 *
 * @returns the key's id
 * @throws KeyRingError when there is a file already: what was sealed with its keys would be lost
 */
export function createKeyRing(path: string): string {
  const id = newKeyId();
  try {
    writeFileSync(path, fileText({ newest: id, keys: new Map([[id, newKey()]]) }), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new KeyRingError(`the key ring ${path} cannot be made: there is a file, or no folder for it`, {
      cause: error,
    });
  }
  return id;
}

/**
 * Adds a new key to a key ring and makes it the newest. The older ones stay, and open what was sealed with them.
 *
 * @returns the key's id
 * @throws KeyRingError when the file is no key ring
 */
export function addKey(path: string): string {
  const { keys } = readRingKeys(path);
  const newest = newKeyId();
  replace(path, { newest, keys: new Map([...keys, [newest, newKey()]]) });
  return newest;
}

/**
 * Takes a key out of a key ring. What is sealed with it cannot be opened from then on.
 *
 * @throws KeyRingError when the file is no key ring, there is no such key, or it is the newest
 */
export function removeKey(path: string, id: string): void {
  const { newest, keys } = readRingKeys(path);
  if (!keys.has(id)) throw new KeyRingError(`the key ring ${path} has no key ${id}`);
  if (id === newest) throw new KeyRingError(`key ${id} is the newest of the key ring ${path}: add another one first`);
  replace(path, { newest, keys: new Map([...keys].filter(([other]) => other !== id)) });
}

/** By its descriptor, so that what is judged is what is read. */
function textOf(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new KeyRingError(`the key ring ${path} cannot be opened`, { cause: error });
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new KeyRingError(`the key ring ${path} is not a file`);
    if ((status.mode & OTHERS) !== 0) {
      throw new KeyRingError(`the key ring ${path} is open to everybody: chmod o= ${path}`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Causes of a JSON error quote the text, so there is none here. */
function parsed(path: string, text: string): z.infer<typeof keyRingFile> {
  try {
    return keyRingFile.parse(JSON.parse(text));
  } catch {
    throw new KeyRingError(`${path} does not hold a key ring: {"newest": "<id>", "keys": {"<id>": "<base64>"}}`);
  }
}

function newKeyId(): string {
  return `key-${randomBytes(4).toString('hex')}`;
}

function newKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** Whole or not at all: a ring that is half written would lose everything sealed with it. */
function replace(path: string, ring: RingKeys): void {
  const { mode } = statSync(path);
  writeFileSync(`${path}.new`, fileText(ring), { mode: mode & 0o770, flush: true });
  renameSync(`${path}.new`, path);
}

function fileText({ newest, keys }: RingKeys): string {
  const texts = Object.fromEntries([...keys].map(([id, key]) => [id, key.toString('base64')]));
  return `${JSON.stringify({ newest, keys: texts }, null, 2)}\n`;
}
