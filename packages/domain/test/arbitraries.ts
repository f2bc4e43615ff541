import fc from 'fast-check';
import { instantFromEpochMicros } from '../src/time/instant.js';

const LARGEST = 10n ** 18n - 1n;

/** Every decimal within bounds, as a count of millionths. */
export const millionths = fc.oneof(
  fc.bigInt({ min: -LARGEST, max: LARGEST }),
  fc.bigInt({ min: -10_000_000n, max: 10_000_000n }),
);

/** Millionths that fit an everyday plant: up to 1,000 units. */
export const smallMillionths = fc.bigInt({ min: -1_000_000_000n, max: 1_000_000_000n });

/** Canonical text of a count of `10^-digits`, by integer arithmetic only. */
export function scaledText(count: bigint, digits: number): string {
  const magnitude = (count < 0n ? -count : count).toString().padStart(digits + 1, '0');
  const integer = magnitude.slice(0, magnitude.length - digits);
  const fraction = magnitude.slice(magnitude.length - digits).replace(/0+$/, '');
  return `${count < 0n ? '-' : ''}${integer}${fraction === '' ? '' : `.${fraction}`}`;
}

export function millionthsText(count: bigint): string {
  return scaledText(count, 6);
}

const MICROS_2036 = 2_082_758_400_000_000;

/** Instants of 1970 to 2035, to the microsecond, round ones included. */
export const instants = fc
  .oneof(
    fc.integer({ min: 0, max: MICROS_2036 }),
    fc.integer({ min: 0, max: MICROS_2036 / 1_000 }).map((millis) => millis * 1_000),
    fc.integer({ min: 0, max: MICROS_2036 / 900_000_000 }).map((quarters) => quarters * 900_000_000),
  )
  .map(instantFromEpochMicros);
