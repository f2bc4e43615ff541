import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deliveryDayOf, parseDeliveryDay } from './delivery-day.js';
import type { DeliveryPeriod } from './delivery-period.js';
import { Duration } from './duration.js';
import { dailyWindows, expandDailyWindow, expandToDeliveryPeriods, periodsOfDeliveryDay } from './expansion.js';
import { compareInstants, instantFromEpochSeconds, parseInstant } from './instant.js';
import { parseMarketZone } from './market-zone.js';
import type { Span } from './span.js';

const span = (start: string, end: string): Span => ({ start: parseInstant(start), end: parseInstant(end) });
const starts = (periods: readonly DeliveryPeriod[]): string[] => periods.map((period) => period.start);
const windows = (recurrence: Span): string[] =>
  dailyWindows(recurrence).map(({ start, end }) => `${start.slice(5, 16)} ${end.slice(5, 16)}`);

const FIRST_QUARTER_OF_2020 = 1_577_836_800 / 900;
const quarters = fc.integer({ min: FIRST_QUARTER_OF_2020, max: FIRST_QUARTER_OF_2020 + 8 * 96 });
const spans = fc.tuple(quarters, quarters).map(([a, b]) => ({
  start: instantFromEpochSeconds(Math.min(a, b) * 900),
  end: instantFromEpochSeconds(Math.max(a, b) * 900),
}));

describe('expanding a span', () => {
  test('gives one delivery period per quarter hour', () => {
    expect(starts(expandToDeliveryPeriods(span('2026-01-01T23:30:00Z', '2026-01-02T00:15:00Z')))).toEqual([
      '2026-01-01T23:30:00Z',
      '2026-01-01T23:45:00Z',
      '2026-01-02T00:00:00Z',
    ]);
  });

  test('gives none when it is empty', () => {
    expect(expandToDeliveryPeriods(span('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'))).toEqual([]);
  });

  test.each([
    ['2026-01-01T00:01:00Z', '2026-01-01T00:15:00Z', 'off_quarter_hour'],
    ['2026-01-01T00:00:00Z', '2026-01-01T00:15:00.000001Z', 'off_quarter_hour'],
    ['2026-01-01T00:15:00Z', '2026-01-01T00:00:00Z', 'backward_span'],
    ['2024-01-01T00:00:00Z', '2025-01-01T00:15:00Z', 'too_many_delivery_periods'],
    ['1970-01-01T00:00:00Z', '9999-12-31T00:00:00Z', 'too_many_delivery_periods'],
  ])('refuses %s to %s as %s', (start, end, code) => {
    expect(() => expandToDeliveryPeriods(span(start, end))).toThrow(expect.objectContaining({ code }));
  });

  test('takes a whole leap year', () => {
    expect(expandToDeliveryPeriods(span('2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'))).toHaveLength(35_136);
  });

  test('leaves no gap and no overlap', () => {
    fc.assert(fc.property(spans, (whole) => expectCovered(expandToDeliveryPeriods(whole), whole)));
  });
});

test.each([
  ['an ordinary day', '2026-01-15', 96],
  ['the day the clock goes forward', '2026-03-29', 92],
  ['the day the clock goes back', '2026-10-25', 100],
])('%s (%s) has %i delivery periods', (_case, day, count) => {
  const zone = parseMarketZone('Europe/Amsterdam');
  const periods = periodsOfDeliveryDay(parseDeliveryDay(day), zone);
  expect(periods).toHaveLength(count);
  expect(new Set(periods.map((period) => deliveryDayOf(period.start, zone)))).toEqual(new Set([day]));
});

describe('a daily window', () => {
  test('with the end later than the start is of the same day, on both end dates too', () => {
    expect(windows(span('2026-03-28T06:00:00Z', '2026-03-30T08:30:00Z'))).toEqual([
      '03-28T06:00 03-28T08:30',
      '03-29T06:00 03-29T08:30',
      '03-30T06:00 03-30T08:30',
    ]);
  });

  test('with equal times of day is of full days, on both end dates too', () => {
    expect(windows(span('2026-03-28T00:00:00Z', '2026-03-30T00:00:00Z'))).toEqual([
      '03-28T00:00 03-29T00:00',
      '03-29T00:00 03-30T00:00',
      '03-30T00:00 03-31T00:00',
    ]);
    expect(windows(span('2026-03-28T06:00:00Z', '2026-03-29T06:00:00Z'))).toEqual([
      '03-28T06:00 03-29T06:00',
      '03-29T06:00 03-30T06:00',
    ]);
  });

  test('with the end earlier than the start runs over midnight and ends exactly at the end', () => {
    expect(windows(span('2026-03-28T22:00:00Z', '2026-03-31T02:00:00Z'))).toEqual([
      '03-28T22:00 03-29T02:00',
      '03-29T22:00 03-30T02:00',
      '03-30T22:00 03-31T02:00',
    ]);
  });

  test('that ends at midnight runs up to it', () => {
    expect(windows(span('2026-03-28T18:00:00Z', '2026-03-30T00:00:00Z'))).toEqual([
      '03-28T18:00 03-29T00:00',
      '03-29T18:00 03-30T00:00',
    ]);
  });

  test('of one day is that window', () => {
    const once = span('2026-03-28T06:00:00Z', '2026-03-28T06:45:00Z');
    expect(dailyWindows(once)).toEqual([once]);
    expect(expandDailyWindow(once)).toEqual(expandToDeliveryPeriods(once));
  });

  test.each([
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'backward_span'],
    ['2026-01-02T00:00:00Z', '2026-01-01T06:00:00Z', 'backward_span'],
    ['2026-01-01T00:10:00Z', '2026-01-02T06:00:00Z', 'off_quarter_hour'],
    ['2025-01-01T00:00:00Z', '2026-01-02T00:00:00Z', 'too_many_delivery_periods'],
    ['1970-01-01T00:00:00Z', '9999-12-31T00:15:00Z', 'too_many_delivery_periods'],
  ])('from %s to %s is refused as %s', (start, end, code) => {
    expect(() => expandDailyWindow(span(start, end))).toThrow(expect.objectContaining({ code }));
  });

  test('of years is fine as long as its periods are few', () => {
    expect(expandDailyWindow(span('2020-01-01T06:00:00Z', '2029-12-31T06:15:00Z'))).toHaveLength(3_653);
  });

  test('opens daily at the same time of day, with equal length, in order and without overlap', () => {
    fc.assert(
      fc.property(spans, (recurrence) => {
        fc.pre(recurrence.start !== recurrence.end);
        const all = dailyWindows(recurrence);
        expect(all[0]?.start).toBe(recurrence.start);
        expect(new Set(all.map(({ start }) => start.slice(10)))).toEqual(new Set([recurrence.start.slice(10)]));
        expect(new Set(all.map(({ end }) => end.slice(10)))).toEqual(new Set([recurrence.end.slice(10)]));
        expect(new Set(all.map((window) => Duration.between(window).toMicros())).size).toBe(1);
        all.slice(1).forEach((window, index) => {
          expect(compareInstants(all[index]!.end, window.start)).toBeLessThanOrEqual(0);
        });
      }),
    );
  });

  test('ends at the end of the recurrence, but for full days a day later', () => {
    fc.assert(
      fc.property(spans, (recurrence) => {
        fc.pre(recurrence.start !== recurrence.end);
        const end = dailyWindows(recurrence).at(-1)?.end;
        const isFullDays = recurrence.start.slice(10) === recurrence.end.slice(10);
        expect(end).toBe(isFullDays ? aDayAfter(recurrence.end) : recurrence.end);
      }),
    );
  });

  test('holds the periods of its windows, each once', () => {
    fc.assert(
      fc.property(spans, (recurrence) => {
        fc.pre(recurrence.start !== recurrence.end);
        const periods = expandDailyWindow(recurrence);
        expect(new Set(starts(periods)).size).toBe(periods.length);
        expect(periods).toEqual(dailyWindows(recurrence).flatMap((window) => expandToDeliveryPeriods(window)));
      }),
      { numRuns: 30 },
    );
  });
});

function expectCovered(periods: readonly DeliveryPeriod[], whole: Span): void {
  let reached: string = whole.start;
  for (const period of periods) {
    expect(period.start).toBe(reached);
    reached = period.end;
  }
  expect(reached).toBe(whole.end);
}

function aDayAfter(instant: string): string {
  return new Date(Date.parse(instant) + 86_400_000).toISOString().replace('.000Z', 'Z');
}
