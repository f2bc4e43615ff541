import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addKey, createKeyRing, KeyRingError, removeKey } from './key-ring.js';
import { keyIdOf, openKeyRing, SealedValueError } from './sealing.js';
import type { SealedPlace } from './sealing.js';

const folder = mkdtempSync(join(tmpdir(), 'sealing-'));
afterAll(() => rmSync(folder, { recursive: true }));

function aRing(): string {
  const path = join(folder, `${randomBytes(6).toString('hex')}.json`);
  createKeyRing(path);
  return path;
}

function aPlace(different: Partial<SealedPlace> = {}): SealedPlace {
  return { orgId: randomUUID(), table: 'app.api_key', column: 'signing_key', rowId: randomUUID(), ...different };
}

const place = aPlace();
const ring = openKeyRing(aRing());
const SECRET = 'b'.repeat(64);

describe('what is sealed', () => {
  test('opens in its place, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (secret) => {
        expect(ring.open(ring.seal(secret, place), place)).toBe(secret);
      }),
    );
  });

  test('does not show the secret, and never looks the same twice', () => {
    const sealed = Array.from({ length: 200 }, () => ring.seal(SECRET, place));
    expect(new Set(sealed.flatMap((text) => text.split('.').slice(2))).size).toBe(800);
    for (const text of sealed) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(Buffer.from(SECRET).toString('base64url').slice(0, 20));
    }
  });

  test('says which key it is sealed with', () => {
    expect(keyIdOf(ring.seal(SECRET, place))).toBe(ring.newestKeyId());
    expect(() => keyIdOf(SECRET)).toThrow(SealedValueError);
  });

  test.each<[string, Partial<SealedPlace>]>([
    ['another organisation', { orgId: randomUUID() }],
    ['another table', { table: 'app.trading_config' }],
    ['another column', { column: 'esm_client_secret' }],
    ['another row', { rowId: randomUUID() }],
  ])('does not open in %s', (_case, different) => {
    const sealed = ring.seal(SECRET, place);
    expect(() => ring.open(sealed, { ...place, ...different })).toThrow(SealedValueError);
    expect(() => ring.rewrap(sealed, { ...place, ...different })).toThrow(SealedValueError);
  });

  test('does not open where the parts of its place are cut elsewhere', () => {
    const sealed = ring.seal(SECRET, { ...place, table: 'a', column: 'b|c' });
    expect(() => ring.open(sealed, { ...place, table: 'a|b', column: 'c' })).toThrow(SealedValueError);
  });

  test('does not open under a key that says it is another', () => {
    const path = aRing();
    const here = openKeyRing(path);
    const sealed = here.seal(SECRET, place);
    const file = readFileSync(path, 'utf8');
    const renamed = file.replaceAll(here.newestKeyId(), 'key-renamed');
    writeFileSync(path, renamed);
    const changed = sealed.replace(keyIdOf(sealed), 'key-renamed');
    expect(() => openKeyRing(path).open(changed, place)).toThrow(SealedValueError);
  });

  test('does not open with one bit of it turned', () => {
    const sealed = ring.seal(SECRET, place);
    const bytes = Buffer.from(sealed);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => ring.open(flipped.toString('latin1'), place)).toThrow(SealedValueError);
      }),
      { numRuns: 2_000 },
    );
  });

  test('does not open with one bit of its binary parts turned', () => {
    const parts = ring.seal(SECRET, place).split('.');
    for (const part of [2, 3, 4, 5]) {
      const bytes = Buffer.from(parts[part]!, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const changed = parts.with(part, flipped.toString('base64url')).join('.');
        expect(() => ring.open(changed, place)).toThrow(SealedValueError);
      }
    }
  });

  test('does not open cut, lengthened, or put together from two', () => {
    const [one, other] = [ring.seal(SECRET, place), ring.seal('another secret', place)];
    for (let length = 0; length < one.length; length += 1) {
      expect(() => ring.open(one.slice(0, length), place)).toThrow(SealedValueError);
    }
    expect(() => ring.open(`${one}A`, place)).toThrow(SealedValueError);
    expect(() => ring.open(`${one}.AAAA`, place)).toThrow(SealedValueError);
    const mixed = [...one.split('.').slice(0, 4), ...other.split('.').slice(4)].join('.');
    expect(() => ring.open(mixed, place)).toThrow(SealedValueError);
  });

  test('opens in one spelling only', () => {
    const sealed = ring.seal(SECRET, place);
    for (const other of [
      `${sealed}=`,
      ` ${sealed}`,
      `${sealed}\n`,
      sealed.replace('v1', 'v2'),
      'V1' + sealed.slice(2),
    ]) {
      expect(() => ring.open(other, place)).toThrow(SealedValueError);
    }
  });

  test('does not open without its key', () => {
    const sealed = openKeyRing(aRing()).seal(SECRET, place);
    expect(() => ring.open(sealed, place)).toThrow(/not in the key ring/);
  });
});

describe('a rotation', () => {
  test('is heard of by a process that runs: new secrets take the new key, old ones open until theirs is gone', () => {
    const path = aRing();
    const [writing, reading] = [openKeyRing(path), openKeyRing(path)];
    const old = writing.seal(SECRET, place);
    const newest = addKey(path);
    const fresh = writing.seal(SECRET, place);
    expect(keyIdOf(fresh)).toBe(newest);
    expect([reading.open(old, place), reading.open(fresh, place)]).toEqual([SECRET, SECRET]);
    removeKey(path, keyIdOf(old));
    expect(() => openKeyRing(path).open(old, place)).toThrow(SealedValueError);
  });

  test('wraps again without touching the secret, once', () => {
    const path = aRing();
    const here = openKeyRing(path);
    const old = here.seal(SECRET, place);
    expect(here.rewrap(old, place)).toBe(old);
    const newest = addKey(path);
    const again = here.rewrap(old, place);
    expect(keyIdOf(again)).toBe(newest);
    expect(again.split('.').slice(4)).toEqual(old.split('.').slice(4));
    expect(here.rewrap(again, place)).toBe(again);
    removeKey(path, keyIdOf(old));
    expect(openKeyRing(path).open(again, place)).toBe(SECRET);
  });

  test('does not carry a broken secret on', () => {
    const path = aRing();
    const here = openKeyRing(path);
    const parts = here.seal(SECRET, place).split('.');
    addKey(path);
    const broken = parts.with(5, randomBytes(80).toString('base64url')).join('.');
    expect(() => here.rewrap(broken, place)).toThrow(SealedValueError);
  });

  test('stops sealing when the ring becomes unusable', () => {
    const path = aRing();
    const here = openKeyRing(path);
    const sealed = here.seal(SECRET, place);
    chmodSync(path, 0o644);
    expect(() => here.seal(SECRET, place)).toThrow(KeyRingError);
    expect(here.open(sealed, place)).toBe(SECRET);
  });
});
