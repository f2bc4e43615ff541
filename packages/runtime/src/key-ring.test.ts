import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { addKey, createKeyRing, KeyRingError, readRingKeys, removeKey } from './key-ring.js';

const folder = mkdtempSync(join(tmpdir(), 'key-ring-'));
afterAll(() => rmSync(folder, { recursive: true }));

const freshPath = (): string => join(folder, `${randomBytes(6).toString('hex')}.json`);
const aKey = (bytes = 32): string => randomBytes(bytes).toString('base64');

function aFile(content: unknown, mode = 0o600): string {
  const path = freshPath();
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  chmodSync(path, mode);
  return path;
}

describe('a key ring', () => {
  test('that was made has one key of 32 bytes, the newest, in a file of its owner', () => {
    const path = freshPath();
    const id = createKeyRing(path);
    const { newest, keys } = readRingKeys(path);
    expect([newest, [...keys.keys()]]).toEqual([id, [id]]);
    expect(keys.get(id)).toHaveLength(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('is not made over another one', () => {
    const path = freshPath();
    const id = createKeyRing(path);
    expect(() => createKeyRing(path)).toThrow(KeyRingError);
    expect(readRingKeys(path).newest).toBe(id);
  });

  test('takes another key as its newest, keeps the older one until it is removed, and the rights of its file', () => {
    const path = freshPath();
    const first = createKeyRing(path);
    chmodSync(path, 0o640);
    const before = readRingKeys(path).keys.get(first);
    const second = addKey(path);
    expect(readRingKeys(path).newest).toBe(second);
    expect(readRingKeys(path).keys.get(first)).toEqual(before);
    removeKey(path, first);
    expect([...readRingKeys(path).keys.keys()]).toEqual([second]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test('gives up neither its newest key nor one that it does not have', () => {
    const path = freshPath();
    const id = createKeyRing(path);
    expect(() => removeKey(path, id)).toThrow(/newest/);
    expect(() => removeKey(path, 'key-other')).toThrow(/no key/);
  });
});

describe('a key ring is refused', () => {
  const key = aKey();
  test.each([
    ['that is no JSON', '{'],
    ['without keys', { newest: 'a' }],
    ['with something else in it', { newest: 'a', keys: { a: key }, more: 1 }],
    ['whose newest key is missing', { newest: 'b', keys: { a: key } }],
    ['with a key that is too short', { newest: 'a', keys: { a: aKey(31) } }],
    ['with a key that is too long', { newest: 'a', keys: { a: aKey(33) } }],
    ['with a key that is no base64', { newest: 'a', keys: { a: `${key.slice(0, -1)}!` } }],
    ['with a key of zeros', { newest: 'a', keys: { a: Buffer.alloc(32).toString('base64') } }],
    ['with one key under two ids', { newest: 'a', keys: { a: key, b: key } }],
    ['with an id that would break the form', { newest: 'a.b', keys: { 'a.b': key } }],
  ])('%s', (_case, content) => {
    const path = aFile(content);
    expect(() => readRingKeys(path)).toThrow(KeyRingError);
  });

  test('that is not there, or is a folder', () => {
    expect(() => readRingKeys(freshPath())).toThrow(KeyRingError);
    expect(() => readRingKeys(folder)).toThrow(KeyRingError);
  });

  test.each([0o644, 0o604, 0o602, 0o601])('that everybody may reach (%o)', (mode) => {
    const path = aFile({ newest: 'a', keys: { a: key } }, mode);
    expect(() => readRingKeys(path)).toThrow(/chmod/);
  });

  test('without saying what is in it', () => {
    const path = aFile(`{"newest":"a","keys":{"a":"${key}"}`);
    const told = (() => {
      try {
        return readRingKeys(path);
      } catch (error) {
        return error;
      }
    })();
    expect(told).toBeInstanceOf(KeyRingError);
    expect(JSON.stringify(told, Object.getOwnPropertyNames(told))).not.toContain(key);
    expect(readFileSync(path, 'utf8')).toContain(key);
  });
});
