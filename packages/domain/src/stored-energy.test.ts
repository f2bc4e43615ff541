import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionthsText, smallMillionths } from '../test/arbitraries.js';
import { Decimal } from './decimal.js';
import { energyMoves, totalOfMoves, type ReadingQuality, type StoredEnergyReading } from './stored-energy.js';

const reading = (storedEnergyMwh: string, quality: ReadingQuality = 'VALID'): StoredEnergyReading => ({
  storedEnergyMwh,
  quality,
});

describe('what moved between readings of stored energy', () => {
  test('is what came in, or what went out', () => {
    expect(energyMoves([reading('10'), reading('12.5'), reading('12'), reading('12')])).toEqual([
      null,
      { chargedMwh: '2.5', dischargedMwh: '0' },
      { chargedMwh: '0', dischargedMwh: '0.5' },
      { chargedMwh: '0', dischargedMwh: '0' },
    ]);
  });

  test('passes over invalid readings, estimated ones count', () => {
    const readings = [reading('1', 'INVALID'), reading('10'), reading('99', 'INVALID'), reading('11', 'ESTIMATED')];
    expect(energyMoves(readings)).toEqual([null, null, null, { chargedMwh: '1', dischargedMwh: '0' }]);
  });

  test('adds up to the difference of the ends', () => {
    fc.assert(
      fc.property(fc.array(smallMillionths.map(millionthsText), { minLength: 1, maxLength: 20 }), (levels) => {
        const total = totalOfMoves(energyMoves(levels.map((level) => reading(level))));
        const difference = new Decimal(levels.at(-1) ?? '0').minus(levels[0] ?? '0');
        expect(new Decimal(total.chargedMwh).minus(total.dischargedMwh).eq(difference)).toBe(true);
      }),
    );
  });

  test('is zero in all when nothing is known', () => {
    expect(totalOfMoves([null, null])).toEqual({ chargedMwh: '0', dischargedMwh: '0' });
  });
});
