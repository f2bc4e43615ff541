import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instants } from '../../test/arbitraries.js';
import { DeliveryPeriod, isOnQuarterHour } from './delivery-period.js';
import { Duration } from './duration.js';
import { compareInstants, epochMicros, parseInstant } from './instant.js';

describe('delivery period', () => {
  test.each([
    ['2026-03-29T01:00:00Z', '2026-03-29T01:00:00Z', '2026-03-29T01:15:00Z'],
    ['2026-03-29T01:14:59.999999Z', '2026-03-29T01:00:00Z', '2026-03-29T01:15:00Z'],
    ['2026-12-31T23:52:00Z', '2026-12-31T23:45:00Z', '2027-01-01T00:00:00Z'],
  ])('of %s is %s to %s', (instant, start, end) => {
    const period = DeliveryPeriod.containing(parseInstant(instant));
    expect([period.start, period.end]).toEqual([start, end]);
    expect(period.next().start).toBe(end);
  });

  test('is known by its start', () => {
    const start = parseInstant('2026-03-29T01:45:00Z');
    expect(DeliveryPeriod.startingAt(start)).toEqual(DeliveryPeriod.containing(start));
  });

  test.each(['2026-03-29T01:07:00Z', '2026-03-29T01:00:01Z', '2026-03-29T01:00:00.001Z'])(
    'does not start at %s',
    (text) => {
      expect(() => DeliveryPeriod.startingAt(parseInstant(text))).toThrow(
        expect.objectContaining({ name: 'OffQuarterHourError', code: 'off_quarter_hour' }),
      );
    },
  );

  test('of any instant is 15 minutes that hold it', () => {
    fc.assert(
      fc.property(instants, (instant) => {
        const period = DeliveryPeriod.containing(instant);
        expect(compareInstants(period.start, instant)).toBeLessThanOrEqual(0);
        expect(compareInstants(instant, period.end)).toBeLessThan(0);
        expect(Duration.between(period).compare(DeliveryPeriod.LENGTH)).toBe(0);
        expect(isOnQuarterHour(period.start)).toBe(true);
      }),
    );
  });

  test('starts on every quarter hour and nowhere else', () => {
    fc.assert(
      fc.property(instants, (instant) => isOnQuarterHour(instant) === (epochMicros(instant) % 900_000_000 === 0)),
    );
  });
});
