import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Energy } from '../quantities/energy.js';
import { energyPerDeliveryPeriod } from '../aggregation/energy-intervals.js';
import { energyPerDeliveryDay } from '../aggregation/period-energy.js';
import { millionthsText, smallMillionths } from '../../test/arbitraries.js';
import { deliveryDayOf, parseDeliveryDay, spanOfDeliveryDay, type DeliveryDay } from './delivery-day.js';
import { DeliveryPeriod } from './delivery-period.js';
import { Duration } from './duration.js';
import { periodsOfDeliveryDay } from './expansion.js';
import { epochMicros, instantFromEpochMicros, parseInstant } from './instant.js';
import { DateTime, IANAZone } from './luxon.js';
import { parseMarketZone, type MarketZone } from './market-zone.js';

const FIRST_DAY = '1996-01-01';
const DAY_MS = 86_400_000;
const HOUR_MICROS = 3_600_000_000;

const everyDay = Array.from({ length: daysBetween(FIRST_DAY, '2038-01-01') }, (_, index) =>
  daysAfter(FIRST_DAY, index),
);

/** As the tz database has it: Lisbon did not move its clock in March 1996, when it left central European time. */
const ZONES = [
  { name: 'Europe/Berlin', forward: 42, back: 42 },
  { name: 'Europe/Lisbon', forward: 41, back: 42 },
  { name: 'Europe/Helsinki', forward: 42, back: 42 },
];

describe.each(ZONES)('every delivery day of $name from 1996 to 2037', ({ name, forward, back }) => {
  const zone = parseMarketZone(name);
  const changeDays = everyDay.filter((day) => lengthByLuxon(day, name) !== 24);

  test(`is ${forward} times of 92, ${back} times of 100 and else of 96 periods`, () => {
    const lengths = new Map<number, number>();
    for (const day of everyDay) {
      const quarters = Duration.between(spanOfDeliveryDay(day, zone)).toMicros() / (HOUR_MICROS / 4);
      lengths.set(quarters, (lengths.get(quarters) ?? 0) + 1);
    }
    const ordinary = everyDay.length - forward - back;
    expect(Object.fromEntries(lengths)).toEqual({ 92: forward, 96: ordinary, 100: back });
    expect(changeDays).toHaveLength(forward + back);
  });

  test('begins where the day before it ended', () => {
    let reached: string = spanOfDeliveryDay(everyDay[0]!, zone).start;
    for (const day of everyDay) {
      const { start, end } = spanOfDeliveryDay(day, zone);
      if (start !== reached) throw new Error(`${day} starts at ${start}, the day before ends at ${reached}`);
      reached = end;
    }
  });

  test('begins and ends where luxon says, on and beside every clock change', () => {
    for (const day of changeDays.flatMap(besides)) {
      const { start, end } = spanOfDeliveryDay(day, zone);
      expect([day, start, end]).toEqual([day, midnightByLuxon(day, name), midnightByLuxon(daysAfter(day, 1), name)]);
    }
  });

  test('has periods without gap or overlap that all belong to it, on and beside every clock change', () => {
    for (const day of changeDays.flatMap(besides)) {
      const span = spanOfDeliveryDay(day, zone);
      const periods = periodsOfDeliveryDay(day, zone);
      expect(periods).toHaveLength(lengthByLuxon(day, name) * 4);
      expect([periods[0]?.start, periods.at(-1)?.end]).toEqual([span.start, span.end]);
      expect(periods.slice(1).map((period) => period.start)).toEqual(periods.slice(0, -1).map((period) => period.end));
      expect(new Set(periods.map((period) => deliveryDayOf(period.start, zone)))).toEqual(new Set([day]));
    }
  });

  test('holds the instants whose local date it is, around every clock change', () => {
    const offsets = fc.integer({ min: -36 * HOUR_MICROS, max: 36 * HOUR_MICROS });
    for (const day of changeDays) {
      const noon = epochMicros(parseInstant(`${day}T12:00:00Z`));
      fc.assert(
        fc.property(offsets, (offset) => {
          const instant = instantFromEpochMicros(noon + offset);
          const found = deliveryDayOf(instant, zone);
          const span = spanOfDeliveryDay(found, zone);
          expect(found).toBe(dateByLuxon(noon + offset, name));
          expect(epochMicros(span.start)).toBeLessThanOrEqual(noon + offset);
          expect(epochMicros(span.end)).toBeGreaterThan(noon + offset);
          expect(periodsOfDeliveryDay(found, zone)).toContainEqual(DeliveryPeriod.containing(instant));
        }),
        { numRuns: 4 },
      );
    }
  });

  test('keeps its energy: the periods of its span, and the days of its periods, sum to the whole', () => {
    for (const day of changeDays) {
      const span = spanOfDeliveryDay(day, zone);
      fc.assert(
        fc.property(smallMillionths, (count) => {
          const whole = Energy.fromMegawattHours(millionthsText(count));
          const periods = energyPerDeliveryPeriod([{ ...span, energy: whole }], 'MWh');
          const days = energyPerDeliveryDay(periods, zone);
          expect(days.map((found) => [found.day, found.energy.toMegawattHours()])).toEqual([
            [day, millionthsText(count)],
          ]);
          expect(days[0]?.energy.compare(whole)).toBe(0);
          expect(days[0]?.covered).toEqual(Duration.between(span));
        }),
        { numRuns: 2 },
      );
    }
  });
});

test.each(['Europe/Warsaw', 'Europe/Prague'])('%s has the delivery days of Europe/Berlin from 1996 to 2037', (name) => {
  const [zone, berlin] = [parseMarketZone(name), parseMarketZone('Europe/Berlin')];
  const differing = everyDay.filter((day) => spanText(day, zone) !== spanText(day, berlin));
  expect(differing).toEqual([]);
});

function spanText(day: DeliveryDay, zone: MarketZone): string {
  const { start, end } = spanOfDeliveryDay(day, zone);
  return `${start} ${end}`;
}

function besides(day: string): DeliveryDay[] {
  return [-1, 0, 1].map((distance) => daysAfter(day, distance));
}

function daysAfter(day: string, days: number): DeliveryDay {
  return parseDeliveryDay(new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10));
}

function daysBetween(from: string, until: string): number {
  return (Date.parse(until) - Date.parse(from)) / DAY_MS;
}

/** Hours of a European day by its offsets at local midnights, which are within a few hours of UTC midnights. */
function lengthByLuxon(day: string, name: string): number {
  const zone = IANAZone.create(name);
  const midnight = (date: string): number => {
    const utc = Date.parse(date);
    return utc - zone.offset(utc - zone.offset(utc) * 60_000) * 60_000;
  };
  return (midnight(daysAfter(day, 1)) - midnight(day)) / 3_600_000;
}

function midnightByLuxon(day: string, name: string): string {
  return DateTime.fromISO(day, { zone: name }).toUTC().toISO({ suppressMilliseconds: true });
}

function dateByLuxon(micros: number, name: string): string {
  return DateTime.fromMillis(Math.floor(micros / 1_000), { zone: name }).toISODate();
}
