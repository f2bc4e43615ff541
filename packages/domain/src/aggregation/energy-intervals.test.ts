import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionthsText, smallMillionths } from '../../test/arbitraries.js';
import { Decimal } from '../decimal.js';
import { Energy } from '../quantities/energy.js';
import { instantFromEpochMicros, parseInstant } from '../time/instant.js';
import { energyPerDeliveryPeriod, intervalsBetweenReadings, type EnergyInterval } from './energy-intervals.js';

const outOfOrder = expect.objectContaining({ name: 'SeriesOrderError', code: 'series_out_of_order' });

describe('energy per delivery period', () => {
  test('gathers the one-minute intervals of a quarter hour', () => {
    const minutes = Array.from({ length: 30 }, (_, minute) =>
      anInterval(`2026-01-01T00:${twoDigits(minute)}:00Z`, `2026-01-01T00:${twoDigits(minute + 1)}:00Z`, '0.1'),
    );
    const periods = energyPerDeliveryPeriod(minutes, 'kWh');
    expect(periods.map(({ period, energy }) => [period.start, energy.toKilowattHours()])).toEqual([
      ['2026-01-01T00:00:00Z', '1.5'],
      ['2026-01-01T00:15:00Z', '1.5'],
    ]);
  });

  test('cuts an interval that crosses a quarter hour pro rata by time', () => {
    const [before, after] = energyPerDeliveryPeriod(
      [anInterval('2026-01-01T00:10:00Z', '2026-01-01T00:25:00Z', '1')],
      'kWh',
    );
    expect([before?.energy.toKilowattHours(), after?.energy.toKilowattHours()]).toEqual(['0.333333', '0.666667']);
    expect([before?.covered.toMicros(), after?.covered.toMicros()]).toEqual([300_000_000, 600_000_000]);
  });

  test('counts a last fraction of a second to the period it lies in', () => {
    const periods = energyPerDeliveryPeriod(
      [anInterval('2026-01-01T00:00:00Z', '2026-01-01T00:15:00.000001Z', '9')],
      'kWh',
    );
    expect(periods.map(({ period, covered }) => [period.start, covered.toMicros()])).toEqual([
      ['2026-01-01T00:00:00Z', 900_000_000],
      ['2026-01-01T00:15:00Z', 1],
    ]);
  });

  test('leaves a gap a gap', () => {
    const periods = energyPerDeliveryPeriod(
      [
        anInterval('2026-01-01T00:00:00Z', '2026-01-01T00:15:00Z', '1'),
        anInterval('2026-01-01T00:40:00Z', '2026-01-01T00:45:00Z', '1'),
      ],
      'kWh',
    );
    expect(periods.map(({ period }) => period.start)).toEqual(['2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z']);
  });

  test('refuses overlapping, unsorted, empty and endless intervals', () => {
    const hour = anInterval('2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z', '1');
    const within = anInterval('2026-01-01T00:59:59Z', '2026-01-01T02:00:00Z', '1');
    const empty = anInterval('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '1');
    const decade = anInterval('2026-01-01T00:00:00Z', '2036-01-01T00:00:00Z', '1');
    expect(() => energyPerDeliveryPeriod([hour, within], 'kWh')).toThrow(outOfOrder);
    expect(() => energyPerDeliveryPeriod([within, hour], 'kWh')).toThrow(outOfOrder);
    expect(() => energyPerDeliveryPeriod([empty], 'kWh')).toThrow(expect.objectContaining({ code: 'backward_span' }));
    expect(() => energyPerDeliveryPeriod([decade], 'kWh')).toThrow(
      expect.objectContaining({ code: 'too_many_delivery_periods' }),
    );
  });

  test('is conserved, as value and as written', () => {
    const step = fc.record({
      gap: fc.integer({ min: 0, max: 2_000_000_000 }),
      length: fc.integer({ min: 1, max: 5_000_000_000 }),
      count: smallMillionths,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const intervals = aSeries(steps);
        const energies = energyPerDeliveryPeriod(intervals, 'kWh').map(({ energy }) => energy);
        const total = steps.reduce((sum, { count }) => sum + count, 0n);
        expect(Energy.sum(energies).toKilowattHours()).toBe(millionthsText(total));
        expect(Decimal.sum(0, ...energies.map((energy) => energy.toKilowattHours())).toFixed()).toBe(
          millionthsText(total),
        );
      }),
    );
  });
});

describe('counter readings', () => {
  test('give what was counted from one to the next', () => {
    const readings = [
      { readAt: parseInstant('2026-01-01T00:00:00Z'), total: Energy.fromKilowattHours('1000.25') },
      { readAt: parseInstant('2026-01-01T00:01:00Z'), total: Energy.fromKilowattHours('1000.5') },
      { readAt: parseInstant('2026-01-01T03:00:00Z'), total: Energy.fromKilowattHours('1000.5') },
    ];
    expect(
      intervalsBetweenReadings(readings).map(({ start, end, energy }) => [start, end, energy.toKilowattHours()]),
    ).toEqual([
      ['2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z', '0.25'],
      ['2026-01-01T00:01:00Z', '2026-01-01T03:00:00Z', '0'],
    ]);
    expect(intervalsBetweenReadings(readings.slice(0, 1))).toEqual([]);
  });

  test('that went back are refused', () => {
    const later = { readAt: parseInstant('2026-01-01T00:01:00Z'), total: Energy.fromWattHours('9') };
    const earlier = { readAt: parseInstant('2026-01-01T00:00:00Z'), total: Energy.fromWattHours('10') };
    expect(() => intervalsBetweenReadings([earlier, later])).toThrow(
      expect.objectContaining({ name: 'CounterWentBackError', code: 'counter_went_back' }),
    );
    expect(() => intervalsBetweenReadings([later, earlier])).toThrow(outOfOrder);
  });
});

function anInterval(start: string, end: string, kilowattHours: string): EnergyInterval {
  return { start: parseInstant(start), end: parseInstant(end), energy: Energy.fromKilowattHours(kilowattHours) };
}

function aSeries(steps: readonly { gap: number; length: number; count: bigint }[]): EnergyInterval[] {
  let micros = 1_790_000_000_000_000;
  return steps.map(({ gap, length, count }) => {
    const start = micros + gap;
    micros = start + length;
    return {
      start: instantFromEpochMicros(start),
      end: instantFromEpochMicros(micros),
      energy: Energy.fromKilowattHours(millionthsText(count)),
    };
  });
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
