import type { Energy } from '../quantities/energy.js';
import { deliveryDayOf, type DeliveryDay } from '../time/delivery-day.js';
import type { DeliveryPeriod } from '../time/delivery-period.js';
import { Duration } from '../time/duration.js';
import { periodsTouchedBy } from '../time/expansion.js';
import { compareInstants, type UtcInstant } from '../time/instant.js';
import type { MarketZone } from '../time/market-zone.js';
import type { Span } from '../time/span.js';

/** What was measured of the energy of one delivery period. */
export interface PeriodEnergy {
  readonly period: DeliveryPeriod;
  /** Sign as in Power: positive is injected, discharged or produced. */
  readonly energy: Energy;
  /** How much of the 15 minutes was measured; `energy.over(covered)` is the mean power of that time. */
  readonly covered: Duration;
}

/** What was measured of the energy of one delivery day. */
export interface DayEnergy {
  readonly day: DeliveryDay;
  /** Sum over the periods of the day. */
  readonly energy: Energy;
  /** How much of the day's 23, 24 or 25 hours was measured. */
  readonly covered: Duration;
}

/**
 * Adds periods up to the delivery days of a market zone; the days hold exactly the energy of the periods.
 *
 * @returns the days that have a period, in the order in which they first occur
 */
export function energyPerDeliveryDay(periods: readonly PeriodEnergy[], zone: MarketZone): DayEnergy[] {
  const days = new Map<DeliveryDay, DayEnergy>();
  for (const { period, energy, covered } of periods) {
    const day = deliveryDayOf(period.start, zone);
    days.set(day, { day, ...added(days.get(day), { energy, covered }) });
  }
  return [...days.values()];
}

/** The part of a span that lies in one delivery period. */
export interface PeriodShare {
  readonly period: DeliveryPeriod;
  readonly duration: Duration;
}

/** Cuts a span at the quarter hours: one share per delivery period it touches, together as long as the span. */
export function sharesOfPeriods(span: Span): PeriodShare[] {
  return periodsTouchedBy(span).map((period) => ({
    period,
    duration: Duration.between({ start: later(span.start, period.start), end: earlier(span.end, period.end) }),
  }));
}

/** Joins neighbours of the same period into one. */
export function joinedByPeriod(parts: readonly PeriodEnergy[]): PeriodEnergy[] {
  const joined: PeriodEnergy[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last?.period.start === part.period.start) joined[joined.length - 1] = { ...part, ...added(last, part) };
    else joined.push(part);
  }
  return joined;
}

type Measured = Pick<PeriodEnergy, 'energy' | 'covered'>;

function added(known: Measured | undefined, more: Measured): Measured {
  if (known === undefined) return more;
  return { energy: known.energy.plus(more.energy), covered: known.covered.plus(more.covered) };
}

function later(a: UtcInstant, b: UtcInstant): UtcInstant {
  return compareInstants(a, b) > 0 ? a : b;
}

function earlier(a: UtcInstant, b: UtcInstant): UtcInstant {
  return compareInstants(a, b) < 0 ? a : b;
}
