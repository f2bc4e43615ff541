import { DomainError } from '../errors.js';
import { SECONDS_PER_DAY } from './calendar.js';
import { spanOfDeliveryDay, type DeliveryDay } from './delivery-day.js';
import { DeliveryPeriod, SECONDS_PER_DELIVERY_PERIOD, assertOnQuarterHour } from './delivery-period.js';
import { epochSeconds, instantFromEpochSeconds, microsOfSecond, type UtcInstant } from './instant.js';
import type { MarketZone } from './market-zone.js';
import { assertForward, assertNotEmpty, type Span } from './span.js';

/** Most delivery periods that one span or recurring window may expand to: a leap year. */
export const MAX_DELIVERY_PERIODS = 35_136;

/** A span or recurring window covers more than {@link MAX_DELIVERY_PERIODS}. */
export class TooManyDeliveryPeriodsError extends DomainError {
  override readonly name = 'TooManyDeliveryPeriodsError';
  readonly code = 'too_many_delivery_periods';
}

/**
 * Cuts a span into its delivery periods: in order, no gap, no overlap.
 *
 * @param span both ends on a quarter hour
 * @returns one period per 15 minutes; none when start equals end
 * @throws OffQuarterHourError when an end is off the quarter hour
 * @throws BackwardSpanError when the end is before the start
 * @throws TooManyDeliveryPeriodsError above {@link MAX_DELIVERY_PERIODS}
 */
export function expandToDeliveryPeriods(span: Span): DeliveryPeriod[] {
  assertOnQuarterHours(span);
  assertForward(span);
  return periodsTouchedBy(span);
}

/**
 * The delivery periods of a delivery day: 96, or 92 or 100 when the clock changes.
 *
 * @throws OffQuarterHourError in a zone whose offset is not whole quarter hours; there are none since 1972
 */
export function periodsOfDeliveryDay(day: DeliveryDay, zone: MarketZone): DeliveryPeriod[] {
  return expandToDeliveryPeriods(spanOfDeliveryDay(day, zone));
}

/**
 * The windows of a daily recurrence: a UTC time of day that comes again on each UTC date, said by two instants.
 *
 * The dates of `start` and `end` are the first and last valid day, their times of day open and close the window:
 * - end later than start: on every day, both included, a window of the same day;
 * - equal: on every day, both included, 24 hours from that time of day, so the last window ends a day after `end`;
 * - end earlier than start: over midnight, one window starting on every day but the last, which it ends on.
 *
 * UTC has no clock change, so all windows are equally long; a market's local time of day moves against them.
 *
 * @param recurrence both ends on a quarter hour, the end after the start
 * @returns the windows in order, without overlap
 * @throws OffQuarterHourError when an end is off the quarter hour
 * @throws BackwardSpanError when the end is not after the start
 * @throws TooManyDeliveryPeriodsError when the windows hold more than {@link MAX_DELIVERY_PERIODS}
 */
export function dailyWindows(recurrence: Span): Span[] {
  assertOnQuarterHours(recurrence);
  assertNotEmpty(recurrence);
  const opening = epochSeconds(recurrence.start);
  const { length, count } = dailyWindow(opening, epochSeconds(recurrence.end));
  assertFewEnough((length / SECONDS_PER_DELIVERY_PERIOD) * count, recurrence);
  return Array.from({ length: count }, (_, day) => spanFrom(opening + day * SECONDS_PER_DAY, length));
}

/**
 * The delivery periods of all windows of a daily recurrence, in order: see {@link dailyWindows} for its three forms and
 * for what is thrown.
 */
export function expandDailyWindow(recurrence: Span): DeliveryPeriod[] {
  return dailyWindows(recurrence).flatMap(expandToDeliveryPeriods);
}

/**
 * How many delivery periods a span, or a daily recurrence said by the same two instants, expands to. Tells it without
 * expanding, so it may be asked of any span.
 *
 * @param span both ends on a quarter hour, the end after the start
 */
export function countDeliveryPeriods(span: Span, isRecurrent: boolean): number {
  const [opening, closing] = [epochSeconds(span.start), epochSeconds(span.end)];
  const { length, count } = isRecurrent ? dailyWindow(opening, closing) : { length: closing - opening, count: 1 };
  return (length / SECONDS_PER_DELIVERY_PERIOD) * count;
}

/**
 * The delivery periods that share time with a span, the first and last perhaps only in part.
 *
 * @param span not backward; none when it is empty
 * @throws TooManyDeliveryPeriodsError above {@link MAX_DELIVERY_PERIODS}
 */
export function periodsTouchedBy(span: Span): DeliveryPeriod[] {
  if (span.start === span.end) return [];
  const first = DeliveryPeriod.containing(span.start);
  const seconds = firstSecondNotBefore(span.end) - epochSeconds(first.start);
  const count = Math.ceil(seconds / SECONDS_PER_DELIVERY_PERIOD);
  assertFewEnough(count, span);
  return consecutive(first, count);
}

function consecutive(first: DeliveryPeriod, count: number): DeliveryPeriod[] {
  const periods: DeliveryPeriod[] = [];
  for (let period = first; periods.length < count; period = period.next()) periods.push(period);
  return periods;
}

function firstSecondNotBefore(instant: UtcInstant): number {
  return epochSeconds(instant) + (microsOfSecond(instant) > 0 ? 1 : 0);
}

function dailyWindow(opening: number, closing: number): { length: number; count: number } {
  const lastDay = Math.floor(closing / SECONDS_PER_DAY) - Math.floor(opening / SECONDS_PER_DAY);
  const length = (closing - opening) % SECONDS_PER_DAY;
  if (length === 0) return { length: SECONDS_PER_DAY, count: lastDay + 1 };
  const overMidnight = closing % SECONDS_PER_DAY < opening % SECONDS_PER_DAY;
  return { length, count: overMidnight ? lastDay : lastDay + 1 };
}

function spanFrom(second: number, length: number): Span {
  return { start: instantFromEpochSeconds(second), end: instantFromEpochSeconds(second + length) };
}

function assertOnQuarterHours(span: Span): void {
  assertOnQuarterHour(span.start);
  assertOnQuarterHour(span.end);
}

function assertFewEnough(periods: number, span: Span): void {
  if (periods <= MAX_DELIVERY_PERIODS) return;
  throw new TooManyDeliveryPeriodsError(
    `${span.start} to ${span.end} holds more than ${MAX_DELIVERY_PERIODS} delivery periods: split it.`,
  );
}
