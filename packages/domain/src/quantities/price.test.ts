import { describe, expect, test } from '@jest/globals';
import { Energy } from './energy.js';
import { Price } from './price.js';

describe('price', () => {
  test.each([
    ['84.25', '2', '168.5'],
    ['-12.5', '0.4', '-5'],
    ['0.01', '0.001', '0.00001'],
    ['100', '-1.5', '-150'],
  ])('of %s EUR/MWh times %s MWh is %s EUR', (price, energy, amount) => {
    expect(Price.of(price, 'EUR/MWh').times(Energy.fromMegawattHours(energy))).toEqual({ amount, currency: 'EUR' });
  });

  test('carries its currency', () => {
    const price = Price.of('410.00', 'PLN/MWh');
    expect([price.toText(), price.unit, price.currency]).toEqual(['410', 'PLN/MWh', 'PLN']);
  });

  test('spreads are differences, and negated turns who pays', () => {
    const [high, low] = [Price.of('90', 'EUR/MWh'), Price.of('-10.5', 'EUR/MWh')];
    expect(high.minus(low).toText()).toBe('100.5');
    expect(high.plus(low).toText()).toBe('79.5');
    expect(low.negated().toText()).toBe('10.5');
    expect(low.compare(high)).toBeLessThan(0);
    expect(high.compare(high)).toBe(0);
  });

  test.each(['plus', 'minus', 'compare'] as const)('of different currencies is refused in %s', (operation) => {
    expect(() => Price.of('1', 'EUR/MWh')[operation](Price.of('1', 'PLN/MWh'))).toThrow(
      expect.objectContaining({ name: 'CurrencyMismatchError', code: 'currency_mismatch' }),
    );
  });
});
