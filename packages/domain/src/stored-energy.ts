import { Decimal } from './decimal.js';

/** How far a reading of stored energy is to be trusted. An `INVALID` one is kept, and nothing is derived from it. */
export const READING_QUALITIES = ['VALID', 'ESTIMATED', 'INVALID'] as const;
export type ReadingQuality = (typeof READING_QUALITIES)[number];

/** What an asset's store was read to hold. */
export interface StoredEnergyReading {
  /** Canonical decimal, MWh. */
  readonly storedEnergyMwh: string;
  readonly quality: ReadingQuality;
}

/** What came into a store, or left it, since the reading before; one of the two is zero. Canonical decimals, MWh. */
export interface EnergyMove {
  readonly chargedMwh: string;
  readonly dischargedMwh: string;
}

/**
 * What moved between the readings of one asset: each against the last one before it that is not `INVALID`.
 *
 * @param readings in ascending order of time
 * @returns one per reading; null for an `INVALID` one, and for one with nothing before it to compare with
 */
export function energyMoves(readings: readonly StoredEnergyReading[]): (EnergyMove | null)[] {
  let before: string | null = null;
  return readings.map(({ storedEnergyMwh, quality }) => {
    if (quality === 'INVALID') return null;
    const move = before === null ? null : moveBetween(before, storedEnergyMwh);
    before = storedEnergyMwh;
    return move;
  });
}

/** What moved in all; nothing at all is zero. */
export function totalOfMoves(moves: readonly (EnergyMove | null)[]): EnergyMove {
  const known = moves.filter((move) => move !== null);
  return {
    chargedMwh: sum(known.map(({ chargedMwh }) => chargedMwh)),
    dischargedMwh: sum(known.map(({ dischargedMwh }) => dischargedMwh)),
  };
}

function moveBetween(before: string, after: string): EnergyMove {
  const difference = new Decimal(after).minus(before);
  return {
    chargedMwh: difference.gt(0) ? difference.toFixed() : '0',
    dischargedMwh: difference.lt(0) ? difference.neg().toFixed() : '0',
  };
}

function sum(amounts: readonly string[]): string {
  return amounts.reduce((total, amount) => total.plus(amount), new Decimal(0)).toFixed();
}
