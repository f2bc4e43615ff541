import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { apiKeyDigest, apiKeyPrefix, isApiKey, newApiKey } from './api-key.js';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const valueOf = (digits: string): bigint =>
  Array.from(digits).reduce((value, digit) => value * 62n + BigInt(DIGITS.indexOf(digit)), 0n);

describe('an API key', () => {
  test('is its start, 32 bytes and their checksum, all in 58 characters', () => {
    for (let n = 0; n < 1_000; n += 1) {
      const key = newApiKey();
      expect(key).toMatch(/^vcp_live_[0-9A-Za-z]{49}$/);
      expect(valueOf(key.slice(9, 52))).toBeLessThan(2n ** 256n);
      expect(valueOf(key.slice(52))).toBe(BigInt(crc32(key.slice(0, 52))));
      expect(isApiKey(key)).toBe(true);
    }
  });

  test('is never made twice', () => {
    expect(new Set(Array.from({ length: 2_000 }, newApiKey)).size).toBe(2_000);
  });

  test('is known as a wrong one when one character is another, or two are swapped', () => {
    const key = newApiKey();
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 57 }), fc.constantFrom(...Array.from(DIGITS)), (place, digit) => {
        fc.pre(key[place] !== digit);
        expect(isApiKey(key.slice(0, place) + digit + key.slice(place + 1))).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    for (let place = 9; place < 57; place += 1) {
      const [first, second] = [key.charAt(place), key.charAt(place + 1)];
      if (first === second) continue;
      expect(isApiKey(key.slice(0, place) + second + first + key.slice(place + 2))).toBe(false);
    }
  });

  test('is no key when it is cut, longer, padded or of another kind', () => {
    const key = newApiKey();
    const others = [key.slice(0, -1), `${key}0`, ` ${key}`, `${key}\n`, key.replace('live', 'test'), 'vcp_live_', ''];
    for (const other of others) expect(isApiKey(other)).toBe(false);
  });

  test('shows its beginning, and is found by a digest that takes the pepper', () => {
    const key = newApiKey();
    expect(apiKeyPrefix(key)).toBe(key.slice(0, 15));
    const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    expect(apiKeyDigest(one, key)).toHaveLength(32);
    expect(apiKeyDigest(one, key)).toEqual(apiKeyDigest(one, key));
    expect(apiKeyDigest(one, key)).not.toEqual(apiKeyDigest(other, key));
    expect(apiKeyDigest(one, key)).not.toEqual(apiKeyDigest(one, newApiKey()));
  });
});
