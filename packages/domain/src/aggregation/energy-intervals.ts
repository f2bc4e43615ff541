import { DomainError } from '../errors.js';
import { type Energy, type EnergyUnit } from '../quantities/energy.js';
import { compareInstants, type UtcInstant } from '../time/instant.js';
import { assertNotEmpty, type Span } from '../time/span.js';
import { type PeriodEnergy, joinedByPeriod, sharesOfPeriods } from './period-energy.js';
import { SeriesOrderError, assertAscending } from './series.js';

/** Energy that passed during a span. */
export interface EnergyInterval extends Span {
  readonly energy: Energy;
}

/** The state of a meter register that only counts up. */
export interface CounterReading {
  readonly readAt: UtcInstant;
  /** Everything counted since the register began. */
  readonly total: Energy;
}

/** A register that only counts up shows less than before: it was reset, replaced or ran over. */
export class CounterWentBackError extends DomainError {
  override readonly name = 'CounterWentBackError';
  readonly code = 'counter_went_back';
}

/**
 * Energies of any spans, gathered per delivery period; the periods hold exactly the energy of the intervals.
 *
 * An interval that crosses a quarter hour is cut there pro rata by time, see {@link Energy.splitBy} for the digits.
 *
 * @param intervals in order, none empty, without overlap; gaps are allowed and stay gaps
 * @param unit the unit that the result will be written in
 * @returns the periods that an interval touches, in order
 * @throws SeriesOrderError when an interval starts before the previous one ended
 * @throws BackwardSpanError when an interval is empty or backward
 * @throws TooManyDeliveryPeriodsError when one interval is longer than a year
 */
export function energyPerDeliveryPeriod(intervals: readonly EnergyInterval[], unit: EnergyUnit): PeriodEnergy[] {
  intervals.forEach(assertNotEmpty);
  assertNoOverlap(intervals);
  return joinedByPeriod(intervals.flatMap((interval) => cutAtQuarterHours(interval, unit)));
}

/**
 * What a counter counted from each reading to the next.
 *
 * @param readings in ascending order, one per instant; the gap between two may be of any length
 * @returns one interval less than there are readings; the energies add up to the last total minus the first
 * @throws SeriesOrderError when the readings are not strictly ascending in time
 * @throws CounterWentBackError when a total is below the one before: split the series where the register began anew
 */
export function intervalsBetweenReadings(readings: readonly CounterReading[]): EnergyInterval[] {
  assertAscending(readings.map((reading) => reading.readAt));
  return readings.slice(1).flatMap((reading, index) => {
    const previous = readings[index];
    return previous === undefined ? [] : [countedBetween(previous, reading)];
  });
}

function countedBetween(from: CounterReading, until: CounterReading): EnergyInterval {
  if (until.total.compare(from.total) < 0) {
    throw new CounterWentBackError(
      `The counter shows less at ${until.readAt} than at ${from.readAt}: split the series.`,
    );
  }
  return { start: from.readAt, end: until.readAt, energy: until.total.minus(from.total) };
}

function cutAtQuarterHours({ start, end, energy }: EnergyInterval, unit: EnergyUnit): PeriodEnergy[] {
  const shares = sharesOfPeriods({ start, end });
  const energies = energy.splitBy(
    shares.map((share) => share.duration),
    unit,
  );
  return shares.flatMap(({ period, duration }, index) => {
    const part = energies[index];
    return part === undefined ? [] : [{ period, energy: part, covered: duration }];
  });
}

function assertNoOverlap(intervals: readonly EnergyInterval[]): void {
  intervals.forEach((interval, index) => {
    const previous = intervals[index - 1];
    if (previous !== undefined && compareInstants(previous.end, interval.start) > 0) {
      throw new SeriesOrderError(
        `The interval from ${interval.start} starts before the previous one ends at ${previous.end}: sort or correct them.`,
      );
    }
  });
}
