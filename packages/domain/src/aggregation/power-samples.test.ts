import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionthsText, smallMillionths } from '../../test/arbitraries.js';
import { Energy } from '../quantities/energy.js';
import { Power } from '../quantities/power.js';
import { Duration } from '../time/duration.js';
import { epochMicros, instantFromEpochMicros, parseInstant } from '../time/instant.js';
import { energyOfSamplesPerDeliveryPeriod, type PowerSample } from './power-samples.js';
import type { PeriodEnergy } from './period-energy.js';

const FOUR_SECONDS = Duration.ofSeconds(4);

describe('energy of power samples', () => {
  test('of a full quarter hour at 2 MW is 0.5 MWh', () => {
    const samples = Array.from({ length: 225 }, (_, index) => aSample(`2026-01-01T00:00:00Z`, '2', index * 4));
    expect(summary(energyOfSamplesPerDeliveryPeriod(samples, FOUR_SECONDS))).toEqual(['00:00 0.5 MWh in 900 s']);
  });

  test('is missing where samples are missing, and the mean power of the rest is right', () => {
    const samples = [aSample('2026-01-01T00:00:00Z', '3'), aSample('2026-01-01T00:10:00Z', '6')];
    const [period] = energyOfSamplesPerDeliveryPeriod(samples, Duration.ofMinutes(1));
    expect(summary([period!])).toEqual(['00:00 0.15 MWh in 120 s']);
    expect(period?.energy.over(period.covered).toMegawatts()).toBe('4.5');
  });

  test('of a sample across a quarter hour goes to both periods by time', () => {
    const samples = [aSample('2026-01-01T00:14:59Z', '3.6')];
    expect(summary(energyOfSamplesPerDeliveryPeriod(samples, FOUR_SECONDS))).toEqual([
      '00:00 0.001 MWh in 1 s',
      '00:15 0.003 MWh in 3 s',
    ]);
  });

  test('of a sample ends where the next one begins', () => {
    const samples = [aSample('2026-01-01T00:00:00Z', '3.6'), aSample('2026-01-01T00:00:01Z', '-3.6')];
    expect(summary(energyOfSamplesPerDeliveryPeriod(samples, FOUR_SECONDS))).toEqual(['00:00 -0.003 MWh in 5 s']);
  });

  test('of no samples is nothing', () => {
    expect(energyOfSamplesPerDeliveryPeriod([], FOUR_SECONDS)).toEqual([]);
  });

  test('refuses two samples of one instant, samples out of order, and a step of zero', () => {
    const [first, second] = [aSample('2026-01-01T00:00:00Z', '1'), aSample('2026-01-01T00:00:04Z', '1')];
    const outOfOrder = expect.objectContaining({ name: 'SeriesOrderError', code: 'series_out_of_order' });
    expect(() => energyOfSamplesPerDeliveryPeriod([first, first], FOUR_SECONDS)).toThrow(outOfOrder);
    expect(() => energyOfSamplesPerDeliveryPeriod([second, first], FOUR_SECONDS)).toThrow(outOfOrder);
    expect(() => energyOfSamplesPerDeliveryPeriod([first], Duration.ofSeconds(0))).toThrow(
      expect.objectContaining({ code: 'empty_duration' }),
    );
  });

  test('is conserved: the periods hold the sum of every power times its time', () => {
    const pauses = fc.integer({ min: 1, max: 3_000_000_000 });
    const series = fc.array(fc.record({ pause: pauses, count: smallMillionths }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(series, pauses, (steps, step) => {
        const samples = aSeries(steps);
        const periods = energyOfSamplesPerDeliveryPeriod(samples, Duration.ofMicros(step));
        expect(Energy.sum(periods.map(({ energy }) => energy)).compare(energyAsHeld(samples, step))).toBe(0);
        expect(new Set(periods.map(({ period }) => period.start)).size).toBe(periods.length);
        expect(periods.every(({ covered }) => covered.toMicros() > 0 && covered.toMicros() <= 900_000_000)).toBe(true);
      }),
    );
  });
});

function aSample(at: string, megawatts: string, secondsLater = 0): PowerSample {
  const micros = epochMicros(parseInstant(at)) + secondsLater * 1_000_000;
  return { measuredAt: instantFromEpochMicros(micros), power: Power.fromMegawatts(megawatts) };
}

function aSeries(steps: readonly { pause: number; count: bigint }[]): PowerSample[] {
  let micros = epochMicros(parseInstant('2026-03-28T23:00:00Z'));
  return steps.map(({ pause, count }) => {
    micros += pause;
    return { measuredAt: instantFromEpochMicros(micros), power: Power.fromKilowatts(millionthsText(count)) };
  });
}

function energyAsHeld(samples: readonly PowerSample[], step: number): Energy {
  const energies = samples.map(({ measuredAt, power }, index) => {
    const next = samples[index + 1];
    const pause = next === undefined ? step : epochMicros(next.measuredAt) - epochMicros(measuredAt);
    return power.over(Duration.ofMicros(Math.min(step, pause)));
  });
  return Energy.sum(energies);
}

function summary(periods: readonly PeriodEnergy[]): string[] {
  return periods.map(
    ({ period, energy, covered }) =>
      `${period.start.slice(11, 16)} ${energy.toMegawattHours()} MWh in ${covered.toMicros() / 1_000_000} s`,
  );
}
