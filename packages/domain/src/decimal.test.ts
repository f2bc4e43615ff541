import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionths, millionthsText, scaledText } from '../test/arbitraries.js';
import { Decimal, InvalidDecimalError, canonicalDecimal, decimalOf, decimalText } from './decimal.js';
import { DomainError } from './errors.js';

describe('canonical decimal text', () => {
  test.each<[string | number, string]>([
    ['12.5', '12.5'],
    ['1.50', '1.5'],
    ['1.000000', '1'],
    ['100', '100'],
    ['007', '7'],
    ['+3.2', '3.2'],
    ['-3.20', '-3.2'],
    ['0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['000.5', '0.5'],
    ['999999999999.999999', '999999999999.999999'],
    ['-999999999999.999999', '-999999999999.999999'],
    [0.1, '0.1'],
    [-0, '0'],
    [1.5e3, '1500'],
    [0.000001, '0.000001'],
    [999_999_999_999, '999999999999'],
    [123_456_789.123456, '123456789.123456'],
  ])('of %p is %p', (value, text) => {
    expect(canonicalDecimal(value)).toBe(text);
  });

  test.each<[string | number, string]>([
    ['', 'decimal_syntax'],
    [' 1', 'decimal_syntax'],
    ['1\n', 'decimal_syntax'],
    ['.5', 'decimal_syntax'],
    ['1.', 'decimal_syntax'],
    ['1,5', 'decimal_syntax'],
    ['1_000', 'decimal_syntax'],
    ['0x10', 'decimal_syntax'],
    ['--1', 'decimal_syntax'],
    ['١٢', 'decimal_syntax'],
    ['1e3', 'decimal_exponent'],
    ['-1.5E-3', 'decimal_exponent'],
    ['NaN', 'decimal_not_finite'],
    ['-Infinity', 'decimal_not_finite'],
    [Number.NaN, 'decimal_not_finite'],
    [Number.POSITIVE_INFINITY, 'decimal_not_finite'],
    ['1234567890123', 'decimal_too_many_integer_digits'],
    ['0000000000001', 'decimal_too_many_integer_digits'],
    [1_000_000_000_000, 'decimal_too_many_integer_digits'],
    [1e300, 'decimal_too_many_integer_digits'],
    ['0.0000001', 'decimal_too_many_fraction_digits'],
    ['1.0000000', 'decimal_too_many_fraction_digits'],
    [1e-7, 'decimal_too_many_fraction_digits'],
    [0.1 + 0.2, 'decimal_inexact_number'],
    [123_456_789_012.12346, 'decimal_inexact_number'],
  ])('refuses %p as %s', (value, code) => {
    expect(() => canonicalDecimal(value)).toThrow(expect.objectContaining({ name: 'InvalidDecimalError', code }));
  });

  test('says what to do about it', () => {
    expect(() => canonicalDecimal('1e3')).toThrow('"1e3" has an exponent: write the digits out');
  });

  test('refuses a megabyte of digits at once, quoting only its beginning', () => {
    const message = messageOf(() => canonicalDecimal(`${'1'.repeat(1_000_000)}x`));
    expect(message.length).toBeLessThan(200);
  });

  test('errors are domain errors', () => {
    expect(new InvalidDecimalError('decimal_syntax', 'text')).toBeInstanceOf(DomainError);
  });

  test('of every decimal within bounds keeps its value', () => {
    fc.assert(fc.property(millionths, (count) => canonicalDecimal(paddedText(count)) === millionthsText(count)));
  });

  test('is its own canonical text', () => {
    fc.assert(
      fc.property(millionths, (count) => {
        const text = canonicalDecimal(millionthsText(count));
        expect(canonicalDecimal(text)).toBe(text);
      }),
    );
  });

  test('of a number is the text that reads back as this number', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e14, max: 1e14 }), fc.integer({ min: 0, max: 6 }), (digits, places) => {
        const number = digits / 10 ** places;
        fc.pre(Math.abs(number) < 1e12);
        expect(Number(canonicalDecimal(number))).toBe(number);
      }),
    );
  });
});

describe('decimal arithmetic', () => {
  test('adds and multiplies without loss over the whole range', () => {
    fc.assert(
      fc.property(millionths, millionths, (a, b) => {
        const [left, right] = [decimalOf(millionthsText(a)), decimalOf(millionthsText(b))];
        expect(left.plus(right).toFixed()).toBe(millionthsText(a + b));
        expect(left.minus(right).toFixed()).toBe(millionthsText(a - b));
        expect(left.times(right).plus(0).toFixed()).toBe(scaledText(a * b, 12));
      }),
    );
  });

  test('never writes an exponent', () => {
    expect(new Decimal('1e40').toString()).toBe(`1${'0'.repeat(40)}`);
    expect(new Decimal('1e-40').toString()).toBe(`0.${'0'.repeat(39)}1`);
  });

  test.each([
    ['0.0000005', '0'],
    ['0.0000015', '0.000002'],
    ['0.0000025', '0.000002'],
    ['-0.0000015', '-0.000002'],
    ['-0.0000004', '0'],
    ['2.50', '2.5'],
  ])('%s leaves as %s: half-even at the sixth digit', (value, text) => {
    expect(decimalText(new Decimal(value))).toBe(text);
  });

  test('refuses a computed value that is too large or not finite', () => {
    expect(() => decimalText(new Decimal('999999999999.9999996'))).toThrow(
      expect.objectContaining({ code: 'decimal_too_many_integer_digits' }),
    );
    expect(() => decimalOf(new Decimal(1).dividedBy(0))).toThrow(
      expect.objectContaining({ code: 'decimal_not_finite' }),
    );
  });
});

/** The same value with a plus, leading and trailing zeros, as far as the bounds on digits allow. */
function paddedText(count: bigint): string {
  const magnitude = (count < 0n ? -count : count).toString().padStart(18, '0');
  return `${count < 0n ? '-' : '+'}${magnitude.slice(0, 12)}.${magnitude.slice(12)}`;
}

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return '';
}
