import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionthsText } from '../../test/arbitraries.js';
import { Energy } from './energy.js';
import { StateOfCharge } from './state-of-charge.js';

const outOfRange = expect.objectContaining({
  name: 'StateOfChargeRangeError',
  code: 'state_of_charge_out_of_range',
});

describe('state of charge', () => {
  test.each([
    ['0', '0'],
    ['55.5', '0.555'],
    ['100', '1'],
    ['33.3333', '0.333333'],
  ])('of %s percent is a share of %s', (percent, share) => {
    expect(StateOfCharge.fromPercent(percent).toShare()).toBe(share);
    expect(StateOfCharge.fromShare(share).toPercent()).toBe(percent);
  });

  test.each(['-0.000001', '100.000001'])('of %s percent is refused', (percent) => {
    expect(() => StateOfCharge.fromPercent(percent)).toThrow(outOfRange);
  });

  test.each(['-0.01', '1.000001'])('of a share of %s is refused', (share) => {
    expect(() => StateOfCharge.fromShare(share)).toThrow(outOfRange);
  });

  test('is stored energy per capacity', () => {
    const capacity = Energy.fromMegawattHours('129');
    const half = StateOfCharge.ofStoredEnergy(Energy.fromMegawattHours('64.5'), capacity);
    expect(half.toPercent()).toBe('50');
    expect(half.storedEnergy(capacity).toMegawattHours()).toBe('64.5');
    expect(half.compare(StateOfCharge.fromPercent('50.1'))).toBeLessThan(0);
  });

  test('refuses more than fits, less than nothing, and a capacity of nothing', () => {
    const one = Energy.fromKilowattHours('1');
    expect(() => StateOfCharge.ofStoredEnergy(Energy.fromKilowattHours('1.001'), one)).toThrow(outOfRange);
    expect(() => StateOfCharge.ofStoredEnergy(one.negated(), one)).toThrow(outOfRange);
    expect(() => StateOfCharge.ofStoredEnergy(Energy.zero(), Energy.zero())).toThrow(
      expect.objectContaining({ name: 'CapacityNotPositiveError', code: 'capacity_not_positive' }),
    );
  });

  test('comes back from stored energy, whatever the capacity', () => {
    const percents = fc.bigInt({ min: 0n, max: 100_000_000n });
    const capacities = fc.bigInt({ min: 1n, max: 1_000_000_000_000n });
    fc.assert(
      fc.property(percents, capacities, (percent, watts) => {
        const capacity = Energy.fromKilowattHours(millionthsText(watts));
        const soc = StateOfCharge.fromPercent(millionthsText(percent));
        const again = StateOfCharge.ofStoredEnergy(soc.storedEnergy(capacity), capacity);
        expect(again.compare(soc)).toBe(0);
      }),
    );
  });
});
