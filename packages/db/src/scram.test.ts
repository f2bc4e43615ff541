import { describe, expect, test } from '@jest/globals';
import { scramVerifier, verifies } from './scram.js';

/** Salt and keys that follow from the exchange in RFC 7677, section 3: user "user", password "pencil". */
const PENCIL =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

describe('a password verifier', () => {
  test('is the one of RFC 7677 for its password and salt', () => {
    expect(verifies(PENCIL, 'pencil')).toBe(true);
    expect(verifies(PENCIL, 'Pencil')).toBe(false);
  });

  test('accepts its own password and differs each time', () => {
    const [one, other] = [scramVerifier("it's 100% $ecret"), scramVerifier("it's 100% $ecret")];
    expect(verifies(one, "it's 100% $ecret")).toBe(true);
    expect(one).not.toBe(other);
  });

  test('is nothing else that Postgres may store', () => {
    expect(verifies('md5a3556571e93b0d20722ba62be61e8c2d', 'pencil')).toBe(false);
    expect(verifies('', 'pencil')).toBe(false);
  });

  test.each(['', 'ülkü', 'a\nb', 'a\0b'])('is not made of %j, which would need normalisation', (password) => {
    expect(() => scramVerifier(password)).toThrow(RangeError);
  });
});
