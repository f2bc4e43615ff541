import { expect, test } from '@jest/globals';
import { decimalInput, instantInput, quarterHourInput } from '@quarterhour/contracts';
import { canonicalDecimal, isOnQuarterHour, parseInstant } from '@quarterhour/domain';
import fc from 'fast-check';

const decimals = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.stringMatching(/^[+-]?\d{0,14}(\.\d{0,8})?$/),
  fc.tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.nat(6)).map(([digits, places]) => digits / 10 ** places),
);

test('what the surface takes for a decimal, the domain takes, and the other way round but for its codes', () => {
  fc.assert(
    fc.property(decimals, (value) => {
      const taken = decimalInput.safeParse(value);
      const known = attempt(() => canonicalDecimal(value));
      if (Number.isFinite(value) || typeof value === 'string') expect(taken.success).toBe(known !== null);
      if (taken.success) expect(canonicalDecimal(taken.data)).toBe(known);
    }),
    { numRuns: 2_000 },
  );
});

const instants = fc
  .tuple(
    fc.date({ min: new Date('1969-12-30T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true }),
    fc.constantFrom('', '.0', '.000000', '.5', '.000001', '.1234567'),
    fc.constantFrom('Z', '+00:00', '+02:00', '-11:45', '+05:35', '+24:00'),
  )
  .map(([date, fraction, offset]) => `${date.toISOString().slice(0, 19)}${fraction}${offset}`);

test('an instant that the surface takes, the domain reads; a quarter hour is one to both', () => {
  fc.assert(
    fc.property(instants, (text) => {
      const read = attempt(() => parseInstant(text));
      expect(instantInput.safeParse(text).success).toBe(read !== null);
      expect(quarterHourInput.safeParse(text).success).toBe(read !== null && isOnQuarterHour(read));
    }),
    { numRuns: 2_000 },
  );
});

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
