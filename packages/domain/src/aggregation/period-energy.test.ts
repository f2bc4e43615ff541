import { describe, expect, test } from '@jest/globals';
import { Energy } from '../quantities/energy.js';
import { DeliveryPeriod } from '../time/delivery-period.js';
import { Duration } from '../time/duration.js';
import { parseInstant } from '../time/instant.js';
import { parseMarketZone } from '../time/market-zone.js';
import { energyPerDeliveryDay, type PeriodEnergy } from './period-energy.js';

describe('energy per delivery day', () => {
  const periods = [
    aPeriod('2026-03-28T22:45:00Z', '1'),
    aPeriod('2026-03-28T23:00:00Z', '2.5'),
    aPeriod('2026-03-29T21:45:00Z', '-0.5', Duration.ofMinutes(5)),
    aPeriod('2026-03-29T22:00:00Z', '4'),
  ];

  test.each([
    ['Europe/Berlin', ['2026-03-28 1 15', '2026-03-29 2 20', '2026-03-30 4 15']],
    ['UTC', ['2026-03-28 3.5 30', '2026-03-29 3.5 20']],
  ])('follows the calendar of %s', (zone, expected) => {
    const days = energyPerDeliveryDay(periods, parseMarketZone(zone));
    const texts = days.map(
      ({ day, energy, covered }) => `${day} ${energy.toMegawattHours()} ${covered.toMicros() / 60_000_000}`,
    );
    expect(texts).toEqual(expected);
  });

  test('of no periods is no days', () => {
    expect(energyPerDeliveryDay([], parseMarketZone('UTC'))).toEqual([]);
  });
});

function aPeriod(start: string, megawattHours: string, covered = DeliveryPeriod.LENGTH): PeriodEnergy {
  return {
    period: DeliveryPeriod.startingAt(parseInstant(start)),
    energy: Energy.fromMegawattHours(megawattHours),
    covered,
  };
}
