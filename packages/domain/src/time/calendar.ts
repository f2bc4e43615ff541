/** Seconds of a UTC day. */
export const SECONDS_PER_DAY = 86_400;

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether the proleptic Gregorian calendar has this date. */
export function isCalendarDate(year: number, month: number, day: number): boolean {
  const days = month === 2 && isLeapYear(year) ? 29 : DAYS_OF_MONTH[month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

/**
 * Days from 1970-01-01 to a date of the Gregorian calendar, negative before.
 *
 * Counts from 1 March of year 0, so that the leap day is the last of its year.
 */
export function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const dayOfMarchYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return marchYear * 365 + leapDays + dayOfMarchYear - 719_468;
}

/** `YYYY-MM-DDTHH:MM:SS` of so many seconds since 1970, within the years 0 to 9999. */
export function dateTimeText(secondsSince1970: number): string {
  return new Date(secondsSince1970 * 1_000).toISOString().slice(0, 19);
}

/** `YYYY-MM-DD` of so many days since 1970, within the years 0 to 9999. */
export function dateText(days: number): string {
  return dateTimeText(days * SECONDS_PER_DAY).slice(0, 10);
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
