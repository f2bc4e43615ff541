/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-unsafe-return --
   the mistakes that the compiler refuses are made here on purpose */
import { describe, expect, test } from '@jest/globals';
import {
  DeliveryPeriod,
  Duration,
  Energy,
  Power,
  Price,
  StateOfCharge,
  deliveryDayOf,
  energyPerDeliveryDay,
  epochMicros,
  expandToDeliveryPeriods,
  marketZoneOfDeliveryArea,
  parseDeliveryDay,
  parseInstant,
  parseMarketZone,
  spanOfDeliveryDay,
} from './index.js';

/*
 * Each line below a `@ts-expect-error` is a mistake that the compiler refuses; the type check of the tests fails when it
 * no longer does. Running them shows what the compiler saves us from, so only those that would throw are run.
 */
const power = Power.fromMegawatts('1');
const energy = Energy.fromMegawattHours('1');
const period = DeliveryPeriod.containing(parseInstant('2026-01-01T00:00:00Z'));

describe('one quantity for another is refused by the compiler, and by the private field if it got past', () => {
  test.each<[string, () => unknown]>([
    // @ts-expect-error an energy is not a power
    ['an energy added to a power', () => power.plus(energy)],
    // @ts-expect-error a power is not an energy
    ['a power added to an energy', () => energy.plus(power)],
    // @ts-expect-error a power is not comparable with an energy
    ['a power compared with an energy', () => power.compare(energy)],
    // @ts-expect-error a bare number has no unit
    ['a bare number added to a power', () => power.plus(1)],
    // @ts-expect-error a number of minutes is not a duration
    ['a bare number as duration', () => power.over(15)],
    // @ts-expect-error a span is not a duration
    ['a delivery period as duration', () => power.over(period)],
    // @ts-expect-error a price is per energy, not per power
    ['a price times a power', () => Price.of('1', 'EUR/MWh').times(power)],
    // @ts-expect-error a price is not an energy
    ['an energy less a price', () => energy.minus(Price.of('1', 'EUR/MWh'))],
    // @ts-expect-error stored energy needs the capacity in energy
    ['a rated power as capacity', () => StateOfCharge.fromPercent('50').storedEnergy(power)],
  ])('%s', (_mistake, run) => {
    expect(run).toThrow();
  });
});

describe('text that was never read is refused by the compiler', () => {
  test('as instant, market zone, delivery day or span', () => {
    const text: string = '2026-01-01T00:00:00Z';
    const instant = parseInstant(text);
    const zone = parseMarketZone('Europe/Berlin');
    const refused = [
      // @ts-expect-error text is not yet an instant
      () => epochMicros(text),
      // @ts-expect-error nor is it one for a delivery period
      () => DeliveryPeriod.containing(text),
      // @ts-expect-error a JavaScript date is not an instant
      () => epochMicros(new Date(0)),
      // @ts-expect-error text is not yet a market zone
      () => deliveryDayOf(instant, 'Europe/Berlin'),
      // @ts-expect-error an instant is not a market zone
      () => deliveryDayOf(instant, instant),
      // @ts-expect-error text is not yet a delivery day
      () => spanOfDeliveryDay('2026-01-01', zone),
      // @ts-expect-error an instant is not a delivery day
      () => spanOfDeliveryDay(instant, zone),
      // @ts-expect-error a delivery day is not an instant
      () => epochMicros(parseDeliveryDay('2026-01-01')),
      // @ts-expect-error a span has instants, not text
      () => expandToDeliveryPeriods({ start: text, end: text }),
      // @ts-expect-error any span is not a delivery period
      (): DeliveryPeriod => ({ start: instant, end: instant }),
      // @ts-expect-error no such delivery area
      () => marketZoneOfDeliveryArea('TTG'),
    ];
    expect(refused).toHaveLength(11);
  });
});

describe('what has no meaning is refused by the compiler', () => {
  test('units of another dimension, values made from nothing, changed values', () => {
    const refused = [
      // @ts-expect-error MWh is no unit of power
      () => Power.of('1', 'MWh'),
      // @ts-expect-error MW is no unit of energy
      () => energy.to('MW'),
      // @ts-expect-error no market here trades in dollars
      () => Price.of('1', 'USD/MWh'),
      // @ts-expect-error a power without unit
      () => new Power('1'),
      // @ts-expect-error a duration without unit
      () => new Duration(15),
      // @ts-expect-error a delivery period is found, not made up
      () => new DeliveryPeriod(900),
      // @ts-expect-error a period does not move
      () => (period.start = period.end),
      // @ts-expect-error energy says nothing of its period
      () => energyPerDeliveryDay([energy], parseMarketZone('UTC')),
    ];
    expect(refused).toHaveLength(8);
  });
});
