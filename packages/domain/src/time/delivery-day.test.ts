import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instants } from '../../test/arbitraries.js';
import { deliveryDayOf, parseDeliveryDay, spanOfDeliveryDay } from './delivery-day.js';
import { Duration } from './duration.js';
import { epochMicros, parseInstant } from './instant.js';
import { DateTime } from './luxon.js';
import { parseMarketZone } from './market-zone.js';

describe('delivery day', () => {
  test.each([
    ['2025-06-01T22:00:00Z', 'Europe/Berlin', '2025-06-02'],
    ['2025-06-01T21:59:59.999999Z', 'Europe/Berlin', '2025-06-01'],
    ['2025-12-31T23:00:00Z', 'Europe/Warsaw', '2026-01-01'],
    ['2025-12-31T23:30:00Z', 'Europe/Lisbon', '2025-12-31'],
    ['2024-02-29T12:00:00Z', 'UTC', '2024-02-29'],
    ['2026-01-01T04:59:00Z', 'America/New_York', '2025-12-31'],
    ['2026-01-01T18:15:00Z', 'Asia/Kathmandu', '2026-01-02'],
    ['9999-12-31T22:59:59Z', 'Europe/Berlin', '9999-12-31'],
  ])('of %s in %s is %s', (instant, zone, day) => {
    expect(deliveryDayOf(parseInstant(instant), parseMarketZone(zone))).toBe(day);
  });

  test.each([
    ['an ordinary day', '2026-01-15', 'Europe/Berlin', '2026-01-14T23:00:00Z', 24],
    ['the clock goes forward', '2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00Z', 23],
    ['the clock goes back', '2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00Z', 25],
    ['Lisbon changes at the same instant', '2026-03-29', 'Europe/Lisbon', '2026-03-29T00:00:00Z', 23],
    ['Lisbon left central European time', '1996-03-31', 'Europe/Lisbon', '1996-03-30T23:00:00Z', 24],
    ['midnight does not exist', '2026-03-29', 'Atlantic/Azores', '2026-03-29T01:00:00Z', 23],
    ['midnight comes twice', '2026-10-25', 'Atlantic/Azores', '2026-10-25T00:00:00Z', 25],
    ['midnight is turned back to 23:00', '2022-10-30', 'Asia/Beirut', '2022-10-29T22:00:00Z', 24],
    ['the clock moves by half an hour', '2026-04-05', 'Australia/Lord_Howe', '2026-04-04T13:00:00Z', 24.5],
    ['the whole day does not exist', '2011-12-30', 'Pacific/Apia', '2011-12-30T10:00:00Z', 0],
  ])('when %s (%s, %s) starts at %s and lasts %d hours', (_case, day, zone, start, hours) => {
    const span = spanOfDeliveryDay(parseDeliveryDay(day), parseMarketZone(zone));
    expect(span.start).toBe(start);
    expect(Duration.between(span).toMicros()).toBe(hours * 3_600_000_000);
  });

  test.each(['2026-02-29', '2026-13-01', '2026-1-1', '20260329', '1969-12-31', '2026-03-29T00:00:00Z', ''])(
    '%p is none',
    (text) => {
      expect(() => parseDeliveryDay(text)).toThrow(
        expect.objectContaining({ name: 'InvalidDeliveryDayError', code: 'invalid_delivery_day' }),
      );
    },
  );

  test('has no name beyond the years that we keep', () => {
    const [first, last] = [parseInstant('1970-01-01T00:00:00Z'), parseInstant('9999-12-31T23:00:00Z')];
    const invalid = expect.objectContaining({ code: 'invalid_delivery_day' });
    expect(() => deliveryDayOf(first, parseMarketZone('America/New_York'))).toThrow(invalid);
    expect(() => deliveryDayOf(last, parseMarketZone('Europe/Berlin'))).toThrow(invalid);
  });

  test('is the date that luxon shows, at any instant in any zone', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'Europe/Lisbon',
      'Europe/Helsinki',
      'Atlantic/Azores',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Pacific/Apia',
      'Africa/Casablanca',
      'UTC',
    );
    fc.assert(
      fc.property(instants, zones, (instant, zone) => {
        const day = DateTime.fromMillis(Math.floor(epochMicros(instant) / 1_000), { zone }).toISODate();
        fc.pre(day >= '1970-01-01');
        expect(deliveryDayOf(instant, parseMarketZone(zone))).toBe(day);
      }),
      { numRuns: 500 },
    );
  });
});
