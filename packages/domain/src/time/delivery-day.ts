import { DomainError } from '../errors.js';
import { quoted } from '../quoted.js';
import { SECONDS_PER_DAY, dateText, daysSince1970, isCalendarDate } from './calendar.js';
import { epochSeconds, instantFromEpochSeconds, type UtcInstant } from './instant.js';
import type { MarketZone } from './market-zone.js';
import type { Span } from './span.js';
import { offsetStretchAt } from './zone-offsets.js';

declare const deliveryDay: unique symbol;

/**
 * A calendar day of a market zone as `YYYY-MM-DD`: 96 delivery periods, 92 or 100 when the clock changes.
 *
 * It says nothing about an instant without its {@link MarketZone}.
 */
export type DeliveryDay = string & { readonly [deliveryDay]: true };

/** The text or instant gives no delivery day within the years 1970 to 9999. */
export class InvalidDeliveryDayError extends DomainError {
  override readonly name = 'InvalidDeliveryDayError';
  readonly code = 'invalid_delivery_day';
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const FIRST_DAY = 0;
const LAST_DAY = daysSince1970(9999, 12, 31);

/**
 * Reads a delivery day.
 *
 * @param text `YYYY-MM-DD`, a date of the calendar in the years 1970 to 9999
 * @throws InvalidDeliveryDayError for anything else
 */
export function parseDeliveryDay(text: string): DeliveryDay {
  return deliveryDayOfNumber(dayNumberOf(text), text);
}

/**
 * The delivery day that an instant belongs to: the date that the market's clock shows.
 *
 * Arithmetic on the zone's known offsets, fit for every message.
 *
 * @throws InvalidDeliveryDayError in the hours around 1970-01-01 and 9999-12-31 whose local date is out of range
 */
export function deliveryDayOf(instant: UtcInstant, zone: MarketZone): DeliveryDay {
  const second = epochSeconds(instant);
  const local = second + offsetStretchAt(zone, second).offset;
  return deliveryDayOfNumber(Math.floor(local / SECONDS_PER_DAY), instant);
}

/**
 * The span of a delivery day: from the first instant that shows its date to the first that shows a later one.
 *
 * @returns 24 hours, or 23 or 25 when the clock changes
 * @throws InvalidInstantError when an end is before 1970 or after 9999 in UTC
 */
export function spanOfDeliveryDay(day: DeliveryDay, zone: MarketZone): Span {
  const number = dayNumberOf(day);
  return {
    start: instantFromEpochSeconds(firstSecondOfDay(number, zone)),
    end: instantFromEpochSeconds(firstSecondOfDay(number + 1, zone)),
  };
}

/** Where the clock jumps over midnight (Azores in March), the day starts at the jump. */
function firstSecondOfDay(dayNumber: number, zone: MarketZone): number {
  const midnight = dayNumber * SECONDS_PER_DAY;
  let stretch = offsetStretchAt(zone, midnight - SECONDS_PER_DAY);
  while (stretch.until + stretch.offset <= midnight) stretch = offsetStretchAt(zone, stretch.until);
  return Math.max(stretch.from, midnight - stretch.offset);
}

function dayNumberOf(text: string): number {
  const match = DATE.exec(text);
  const [year, month, day] = (match ?? []).slice(1).map(Number);
  if (year === undefined || month === undefined || day === undefined || !isCalendarDate(year, month, day)) {
    throw new InvalidDeliveryDayError(`${quoted(text)} is not a date: write it like "2026-03-29".`);
  }
  return daysSince1970(year, month, day);
}

function deliveryDayOfNumber(number: number, source: string): DeliveryDay {
  if (number >= FIRST_DAY && number <= LAST_DAY) return branded(dateText(number));
  throw new InvalidDeliveryDayError(`${quoted(source)} gives no delivery day within the years 1970 to 9999.`);
}

function branded(date: string): DeliveryDay;
function branded(date: string): string {
  return date;
}
