import type { Price, PriceUnit } from './quantities/price.js';
import type { Region } from './time/market-zone.js';

/** Between which prices a site is dispatched; null where there is no bound. */
export interface DispatchPrices {
  readonly floor: Price | null;
  readonly strike: Price | null;
}

/** What is wrong with one of the prices. */
export interface DispatchPriceFault {
  readonly price: keyof DispatchPrices;
  /** `unit_mismatch` for a currency that is not its market's, or not that of the other price; `price_order`. */
  readonly code: 'unit_mismatch' | 'price_order';
  readonly message: string;
}

const UNITS: Readonly<Record<Region, readonly PriceUnit[]>> = { DE: ['EUR/MWh'], PL: ['EUR/MWh', 'PLN/MWh'] };

/**
 * Says what is wrong with the prices of a site: each is in a currency of its market, both in the same, and the floor is not
 * above the strike price.
 *
 * @returns null when nothing is
 */
export function dispatchPriceFault(region: Region, { floor, strike }: DispatchPrices): DispatchPriceFault | null {
  for (const [price, given] of [
    ['floor', floor],
    ['strike', strike],
  ] as const) {
    if (given === null || UNITS[region].includes(given.unit)) continue;
    return { price, code: 'unit_mismatch', message: `Give the amount in ${UNITS[region].join(' or ')}` };
  }
  if (floor === null || strike === null) return null;
  if (floor.unit !== strike.unit) {
    return { price: 'strike', code: 'unit_mismatch', message: `The other price is in ${floor.unit}` };
  }
  if (floor.compare(strike) <= 0) return null;
  return { price: 'strike', code: 'price_order', message: 'The floor price is above the strike price' };
}
