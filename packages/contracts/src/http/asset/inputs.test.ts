import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import {
  codeInput,
  decimalInput,
  efficiencyInput,
  energyInput,
  idInput,
  instantInput,
  nameInput,
  powerInput,
  priceInput,
  quarterHourInput,
} from './inputs.js';

const typesOf = (schema: z.ZodType, value: unknown): string[] => {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map((issue) =>
    issue.code === 'custom' ? String(issue.params?.['type']) : `${issue.code} ${issue.path.join('.')}`.trim(),
  );
};

describe('a decimal', () => {
  test.each([
    ['a number', 12.5, '12.5'],
    ['a text', '12.5', '12.5'],
    ['a sign', '-0.000001', '-0.000001'],
    ['a plus', '+7', '+7'],
    ['zeros at the end', '1.50', '1.50'],
    ['twelve and six digits as text', '123456789012.123456', '123456789012.123456'],
    ['fifteen digits as a number', 123456789.123456, '123456789.123456'],
    ['a negative zero', -0, '0'],
  ])('may be %s', (_what, value, text) => {
    expect(decimalInput.parse(value)).toBe(text);
  });

  test.each([
    ['an exponent in a text', '1e3', 'decimal_parsing'],
    ['NaN', 'NaN', 'decimal_parsing'],
    ['Infinity', 'Infinity', 'decimal_parsing'],
    ['blanks', ' 1', 'decimal_parsing'],
    ['an empty text', '', 'decimal_parsing'],
    ['a comma', '1,5', 'decimal_parsing'],
    ['thirteen digits before the point', '1234567890123', 'decimal_whole_digits'],
    ['a number of thirteen digits before the point', 1e12, 'decimal_whole_digits'],
    ['a number as large as it gets', 1e300, 'decimal_whole_digits'],
    ['seven digits behind the point', '0.1234567', 'decimal_max_places'],
    ['a number of seven digits behind the point', 0.1234567, 'decimal_max_places'],
    ['a number as small as it gets', -5e-324, 'decimal_max_places'],
    ['a number of sixteen digits', 1234567890.123456, 'decimal_max_digits'],
    ['a boolean', true, 'invalid_union'],
    ['null', null, 'invalid_union'],
  ])('is not %s', (_what, value, type) => {
    expect(typesOf(decimalInput, value)).toEqual([type]);
  });
});

describe('a quantity', () => {
  test.each([
    ['power', powerInput, 'MW'],
    ['energy', energyInput, 'MWh'],
    ['a price in DE', priceInput, 'EUR/MWh'],
    ['a price in PL', priceInput, 'PLN/MWh'],
  ])('of %s is in its unit', (_what, schema, unit) => {
    expect(schema.parse({ amount: 1, unit })).toEqual({ amount: '1', unit });
  });

  test.each([
    ['energy for power', powerInput, 'MWh'],
    ['power for energy', energyInput, 'MW'],
    ['energy for a price', priceInput, 'MWh'],
    ['a unit that nobody knows', powerInput, 'kW'],
    ['the same in small letters', powerInput, 'mw'],
  ])('is refused with %s', (_what, schema, unit) => {
    expect(typesOf(schema, { amount: '1', unit })).toEqual(['unit_mismatch']);
  });

  test('needs both members and takes no other', () => {
    expect(typesOf(powerInput, {})).toEqual(['invalid_union amount', 'invalid_type unit']);
    expect(typesOf(powerInput, { amount: 1, unit: 'MW', sign: 1 })).toEqual(['unrecognized_keys']);
  });
});

test.each([
  ['just above nothing', '0.000001', []],
  ['all of it', 1, []],
  ['nothing', 0, ['efficiency_range']],
  ['more than all of it', '1.000001', ['efficiency_range']],
  ['less than nothing', -0.5, ['efficiency_range']],
  ['no decimal', 'half', ['decimal_parsing']],
])('an efficiency of %s', (_what, value, types) => {
  expect(typesOf(efficiencyInput, value)).toEqual(types);
});

describe('an instant', () => {
  test.each([
    '2026-03-29T01:00:00Z',
    '2026-03-29T03:00:00.123456+02:00',
    '1970-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
  ])('may be %s', (text) => {
    expect(instantInput.parse(text)).toBe(text);
  });

  test.each([
    ['without an offset', '2026-03-29T01:00:00', 'invalid_format'],
    ['of no calendar', '2026-02-30T01:00:00Z', 'invalid_format'],
    ['without seconds', '2026-03-29T01:00Z', 'invalid_format'],
    ['before 1970 in UTC', '1970-01-01T00:59:59+01:00', 'datetime_range'],
    ['after the year 9999 in UTC', '9999-12-31T23:59:59-01:00', 'datetime_range'],
  ])('is refused %s', (_what, text, type) => {
    expect(typesOf(instantInput, text)).toEqual([type]);
  });

  test('is refused with seven fractional digits', () => {
    expect(instantInput.safeParse('2026-03-29T01:00:00.1234567Z').success).toBe(false);
  });
});

describe('a quarter hour', () => {
  test.each(['2026-03-29T01:15:00Z', '2026-03-29T03:45:00.000+02:00', '2026-03-29T06:20:00+05:35'])(
    'may be %s',
    (text) => {
      expect(quarterHourInput.parse(text)).toBe(text);
    },
  );

  test.each([
    '2026-03-29T01:01:00Z',
    '2026-03-29T01:15:00.000001Z',
    '2026-03-29T01:15:01Z',
    '2026-03-29T01:15:00+00:05',
  ])('is not %s', (text) => {
    expect(typesOf(quarterHourInput, text)).toEqual(['off_quarter_hour']);
  });
});

test.each([
  ['an id of 160 characters', idInput, 'x'.repeat(160), true],
  ['a longer id', idInput, 'x'.repeat(161), false],
  ['an empty id', idInput, '', false],
  ['a code in small letters', codeInput, 'wu-1_b', true],
  ['a code of 64 characters', codeInput, 'W'.repeat(64), true],
  ['a longer code', codeInput, 'W'.repeat(65), false],
  ['a code that begins with a hyphen', codeInput, '-WU', false],
  ['a code with a blank', codeInput, 'W U', false],
  ['a name of 200 characters', nameInput, 'n'.repeat(200), true],
  ['a longer name', nameInput, 'n'.repeat(201), false],
  ['an empty name', nameInput, '', false],
  ['a name with a control character', nameInput, 'a\u0000b', false],
])('%s', (_what, schema, value, isTaken) => {
  expect(schema.safeParse(value).success).toBe(isTaken);
});
