import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionths, millionthsText, scaledText, smallMillionths } from '../../test/arbitraries.js';
import { Decimal } from '../decimal.js';
import { DeliveryPeriod } from '../time/delivery-period.js';
import { Duration } from '../time/duration.js';
import { Energy, type EnergyUnit } from './energy.js';
import { Power } from './power.js';

const durations = fc.integer({ min: 1, max: 400 * 86_400_000_000 }).map((micros) => Duration.ofMicros(micros));
const energyUnits = fc.constantFrom<EnergyUnit>('MWh', 'kWh', 'Wh');

describe('power', () => {
  test.each([
    ['1.5', '1.5', '1500', '1500000'],
    ['0.000001', '0.000001', '0.001', '1'],
    ['-2', '-2', '-2000', '-2000000'],
  ])('of %s MW is %s MW, %s kW, %s W', (amount, megawatts, kilowatts, watts) => {
    const power = Power.fromMegawatts(amount);
    expect([power.toMegawatts(), power.toKilowatts(), power.toWatts()]).toEqual([megawatts, kilowatts, watts]);
    expect(Power.fromKilowatts(kilowatts).compare(power)).toBe(0);
    expect(Power.fromWatts(watts).compare(power)).toBe(0);
  });

  test('is converted without loss, and rounded half-even only when written', () => {
    const power = Power.fromWatts('0.000025');
    expect(power.in('MW').toFixed()).toBe('0.000000000025');
    expect(power.toKilowatts()).toBe('0');
    expect(Power.fromWatts('2.5').toMegawatts()).toBe('0.000002');
    expect(power.toWatts()).toBe('0.000025');
  });

  test('is refused in a unit too small for its size', () => {
    expect(() => Power.fromMegawatts('999999999999').toWatts()).toThrow(
      expect.objectContaining({ code: 'decimal_too_many_integer_digits' }),
    );
  });

  test('charging is below discharging', () => {
    const charging = Power.fromMegawatts('-1');
    expect(charging.compare(Power.fromMegawatts('0.5'))).toBeLessThan(0);
    expect(charging.negated().toMegawatts()).toBe('1');
  });

  test('adds and subtracts without loss', () => {
    fc.assert(
      fc.property(smallMillionths, smallMillionths, (a, b) => {
        const [left, right] = [Power.fromKilowatts(millionthsText(a)), Power.fromKilowatts(millionthsText(b))];
        expect(left.plus(right).toKilowatts()).toBe(millionthsText(a + b));
        expect(left.minus(right).toKilowatts()).toBe(millionthsText(a - b));
        expect(left.plus(right).minus(right).compare(left)).toBe(0);
      }),
    );
  });

  test('comes back from every unit', () => {
    fc.assert(
      fc.property(
        millionths,
        fc.constantFrom('MW', 'kW', 'W'),
        fc.constantFrom('MW', 'kW', 'W'),
        (count, unit, via) => {
          const power = Power.of(millionthsText(count), unit);
          expect(Power.of(power.in(via), via).to(unit)).toBe(millionthsText(count));
        },
      ),
    );
  });
});

describe('power over time', () => {
  test.each([
    ['1', DeliveryPeriod.LENGTH, '0.25'],
    ['-4', DeliveryPeriod.LENGTH, '-1'],
    ['0.9', Duration.ofSeconds(4), '0.001'],
    ['1', Duration.ofSeconds(4), '0.001111'],
    ['12', Duration.ofMinutes(0), '0'],
  ])('%s MW over %p is %s/MWh', (megawatts, duration, megawattHours) => {
    expect(Power.fromMegawatts(megawatts).over(duration).toMegawattHours()).toBe(megawattHours);
  });

  test('is exact where its text is not: 900 samples of 4 s at 1 MW are 1 MWh', () => {
    const sample = Power.fromMegawatts('1').over(Duration.ofSeconds(4));
    expect(Energy.sum(Array.from({ length: 900 }, () => sample)).compare(Energy.fromMegawattHours('1'))).toBe(0);
  });

  test('equals integer arithmetic', () => {
    fc.assert(
      fc.property(millionths, durations, (count, duration) => {
        const energy = Power.fromWatts(millionthsText(count)).over(duration);
        const product = new Decimal(scaledText(count * BigInt(duration.toMicros()), 6));
        expect(energy.in('Wh').toFixed()).toBe(product.dividedBy(3_600_000_000).toFixed());
      }),
    );
  });

  test('is linear: over two durations it is the sum, and of two powers too', () => {
    fc.assert(
      fc.property(millionths, millionths, durations, durations, (a, b, first, second) => {
        const [left, right] = [Power.fromMegawatts(millionthsText(a)), Power.fromMegawatts(millionthsText(b))];
        expect(left.over(first.plus(second)).compare(left.over(first).plus(left.over(second)))).toBe(0);
        expect(
          left
            .plus(right)
            .over(first)
            .compare(left.over(first).plus(right.over(first))),
        ).toBe(0);
      }),
    );
  });

  test('gives the same power back as the mean', () => {
    fc.assert(
      fc.property(millionths, durations, (count, duration) => {
        const power = Power.fromMegawatts(millionthsText(count));
        expect(power.over(duration).over(duration).compare(power)).toBe(0);
      }),
    );
  });
});

describe('energy', () => {
  test.each([
    ['2.5', '2500', '2500000'],
    ['-0.000001', '-0.001', '-1'],
  ])('of %s MWh is %s kWh, %s Wh', (megawattHours, kilowattHours, wattHours) => {
    const energy = Energy.fromMegawattHours(megawattHours);
    expect([energy.toMegawattHours(), energy.toKilowattHours(), energy.toWattHours()]).toEqual([
      megawattHours,
      kilowattHours,
      wattHours,
    ]);
    expect(Energy.fromKilowattHours(kilowattHours).compare(energy)).toBe(0);
    expect(Energy.fromWattHours(wattHours).compare(energy)).toBe(0);
  });

  test('comes back from every unit', () => {
    fc.assert(
      fc.property(millionths, energyUnits, energyUnits, (count, unit, via) => {
        const energy = Energy.of(millionthsText(count), unit);
        expect(Energy.of(energy.in(via), via).to(unit)).toBe(millionthsText(count));
      }),
    );
  });

  test('minus itself is zero, and negated twice is itself', () => {
    const energy = Energy.fromKilowattHours('3.7');
    expect(energy.minus(energy).compare(Energy.zero())).toBe(0);
    expect(energy.negated().negated().compare(energy)).toBe(0);
    expect(energy.negated().toKilowattHours()).toBe('-3.7');
  });

  test('has no mean power over no time', () => {
    expect(() => Energy.fromWattHours('1').over(Duration.ofSeconds(0))).toThrow(
      expect.objectContaining({ name: 'EmptyDurationError', code: 'empty_duration' }),
    );
  });
});

describe('splitting energy', () => {
  test('by equal thirds keeps the rest in the parts', () => {
    const third = Duration.ofMinutes(5);
    const parts = Energy.fromMegawattHours('1').splitBy([third, third, third], 'MWh');
    expect(parts.map((part) => part.toMegawattHours())).toEqual(['0.333333', '0.333333', '0.333334']);
  });

  test('gives a duration of zero nothing', () => {
    const parts = Energy.fromWattHours('8').splitBy([Duration.ofSeconds(0), Duration.ofSeconds(1)], 'Wh');
    expect(parts.map((part) => part.toWattHours())).toEqual(['0', '8']);
  });

  test('over no time at all is refused', () => {
    expect(() => Energy.fromWattHours('8').splitBy([], 'Wh')).toThrow(
      expect.objectContaining({ code: 'empty_duration' }),
    );
  });

  test('conserves it: the parts and their texts add up, none is larger than the whole or turned around', () => {
    fc.assert(
      fc.property(
        millionths,
        fc.array(durations, { minLength: 1, maxLength: 8 }),
        energyUnits,
        (count, spans, unit) => {
          const whole = Energy.of(millionthsText(count), unit);
          const parts = whole.splitBy(spans, unit);
          const texts = parts.map((part) => new Decimal(part.to(unit)));
          expect(Energy.sum(parts).compare(whole)).toBe(0);
          expect(Decimal.sum(0, ...texts).toFixed()).toBe(millionthsText(count));
          expect(parts.every((part) => isBetweenZeroAnd(part, whole))).toBe(true);
        },
      ),
    );
  });

  test('conserves an energy that no unit writes exactly', () => {
    fc.assert(
      fc.property(
        smallMillionths,
        durations,
        fc.array(durations, { minLength: 1, maxLength: 8 }),
        (count, held, spans) => {
          const whole = Power.fromWatts(millionthsText(count)).over(held);
          const parts = whole.splitBy(spans, 'MWh');
          expect(Energy.sum(parts).compare(whole)).toBe(0);
          expect(parts.every((part) => isBetweenZeroAnd(part, whole))).toBe(true);
        },
      ),
    );
  });
});

function isBetweenZeroAnd(part: Energy, whole: Energy): boolean {
  const direction = whole.compare(Energy.zero());
  return part.compare(Energy.zero()) * direction >= 0 && whole.minus(part).compare(Energy.zero()) * direction >= 0;
}
