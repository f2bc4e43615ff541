import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPublicAddress } from './public-address.js';

/** First and last address of each special IPv4 range, as numbers. */
const SPECIAL: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

const numberOf = (dotted: string): number => dotted.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
const dottedOf = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
const isSpecial = (address: number): boolean =>
  SPECIAL.some(([start, length]) => address >= numberOf(start) && address < numberOf(start) + 2 ** (32 - length));
const hex = (word: number): string => word.toString(16);
const mapped = (address: number): string => `::ffff:${hex(Math.floor(address / 65_536))}:${hex(address % 65_536)}`;

const anAddress = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const aSpecialAddress = fc
  .tuple(fc.constantFrom(...SPECIAL), fc.nat())
  .map(([[start, length], n]) => numberOf(start) + (n % 2 ** (32 - length)));
const words = (count: number) =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: count, maxLength: count }).map((all) => all.map(hex));

describe('an IPv4 address', () => {
  test('is public exactly when it is in none of the special ranges, written in dots or as mapped IPv6', () => {
    fc.assert(
      fc.property(fc.oneof(anAddress, aSpecialAddress), (address) => {
        expect(isPublicAddress(dottedOf(address))).toBe(!isSpecial(address));
        expect(isPublicAddress(mapped(address))).toBe(!isSpecial(address));
        expect(isPublicAddress(`::FFFF:${dottedOf(address)}`)).toBe(!isSpecial(address));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is judged rightly on both sides of each border', () => {
    for (const [start, length] of SPECIAL) {
      const first = numberOf(start);
      const last = first + 2 ** (32 - length) - 1;
      expect([start, isPublicAddress(dottedOf(first)), isPublicAddress(dottedOf(last))]).toEqual([start, false, false]);
      for (const beyond of [first - 1, last + 1].filter((address) => address >= 0 && address < 2 ** 32)) {
        expect([dottedOf(beyond), isPublicAddress(dottedOf(beyond))]).toEqual([dottedOf(beyond), !isSpecial(beyond)]);
      }
    }
  });

  test('is not public in any of the other IPv6 forms that can carry one', () => {
    fc.assert(
      fc.property(anAddress, (address) => {
        const [high, low] = [hex(Math.floor(address / 65_536)), hex(address % 65_536)];
        for (const carrier of [
          `::${high}:${low}`,
          `::ffff:0:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
          `64:ff9b:1::${high}:${low}`,
          `2002:${high}:${low}::1`,
          `2001:0:${high}:${low}::1`,
        ]) {
          expect([carrier, isPublicAddress(carrier)]).toEqual([carrier, false]);
        }
      }),
    );
  });
});

describe('an IPv6 address', () => {
  test('outside of 2000::/3 is not public', () => {
    fc.assert(
      fc.property(words(8), ([first = '0', ...rest]) => {
        const word = Number.parseInt(first, 16);
        fc.pre(word < 0x2000 || word > 0x3fff);
        fc.pre(!(word === 0 && rest.slice(0, 4).every((one) => one === '0')));
        expect(isPublicAddress([first, ...rest].join(':'))).toBe(false);
      }),
    );
  });

  test.each([
    ['2001::1', false],
    ['2001:1ff:ffff::1', false],
    ['2001:200::1', true],
    ['2001:db8::1', false],
    ['2001:db9::1', true],
    ['2002::1', false],
    ['2003::1', true],
    ['3fff::1', false],
    ['3fff:fff:ffff::1', false],
    ['3fff:1000::1', true],
    ['2a00:1450:4001:829::200e', true],
    ['2606:4700:4700::1111', true],
    ['::', false],
    ['::1', false],
    ['fe80::1', false],
    ['fe80::1%eth0', false],
    ['2606:4700:4700::1111%eth0', false],
    ['fc00::1', false],
    ['fd00:ec2::254', false],
    ['fec0::1', false],
    ['ff02::1', false],
    ['100::1', false],
    ['4000::1', false],
  ])('%s: %s', (address, isPublic) => expect(isPublicAddress(address)).toBe(isPublic));
});

test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '8.8.8.8.8', '8.8.8', '[2606:4700::1]', '8.8.8.8 '])(
  '%j is no address, and not public',
  (text) => expect(isPublicAddress(text)).toBe(false),
);
