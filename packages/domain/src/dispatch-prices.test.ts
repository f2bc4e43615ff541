import { expect, test } from '@jest/globals';
import { dispatchPriceFault } from './dispatch-prices.js';
import { Price, type PriceUnit } from './quantities/price.js';
import type { Region } from './time/market-zone.js';

const price = (text: string | null): Price | null => {
  if (text === null) return null;
  const [amount = '', unit] = text.split(' ');
  return Price.of(amount, unit === 'PLN' ? 'PLN/MWh' : 'EUR/MWh');
};
const EUR: PriceUnit = 'EUR/MWh';

test.each<[string, Region, string | null, string | null, string | null]>([
  ['no price', 'DE', null, null, null],
  ['one price', 'DE', '10 EUR', null, null],
  ['a floor below the strike price', 'DE', '-10.5 EUR', '80 EUR', null],
  ['a floor that equals the strike price', 'DE', '80.0 EUR', '80 EUR', null],
  ['a floor above the strike price', 'DE', '80.000001 EUR', '80 EUR', 'strike price_order'],
  ['zloty in Poland', 'PL', '10 PLN', '80 PLN', null],
  ['euro in Poland', 'PL', '10 EUR', '80 EUR', null],
  ['a floor in zloty in Germany', 'DE', '10 PLN', null, 'floor unit_mismatch'],
  ['a strike price in zloty in Germany', 'DE', '10 EUR', '80 PLN', 'strike unit_mismatch'],
  ['two currencies', 'PL', '10 EUR', '80 PLN', 'strike unit_mismatch'],
])('%s (%s: %s to %s): %s', (_case, region, floor, strike, expected) => {
  const fault = dispatchPriceFault(region, { floor: price(floor), strike: price(strike) });
  expect(fault === null ? null : `${fault.price} ${fault.code}`).toBe(expected);
});

test('a complaint names the currencies that are taken', () => {
  const fault = dispatchPriceFault('DE', { floor: price('1 PLN'), strike: null });
  expect(fault?.message).toContain(EUR);
});
