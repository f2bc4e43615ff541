import { DomainError } from '../errors.js';
import { quoted } from '../quoted.js';
import { SECONDS_PER_DAY, dateTimeText, daysSince1970, isCalendarDate } from './calendar.js';

declare const utcInstant: unique symbol;

/**
 * An instant as canonical text: RFC 3339 in UTC with `Z`, from 1970-01-01 to the end of the year 9999, with no fraction
 * when it is zero, three digits when it is whole milliseconds, else six. Equal instants are equal texts.
 *
 * Text, because neither a JavaScript `Date` nor a millisecond count keeps the microseconds that Postgres keeps. The order
 * of the texts is not the order in time when fractions differ: use {@link compareInstants}.
 */
export type UtcInstant = string & { readonly [utcInstant]: true };

/** What can be wrong with an instant. */
export type InvalidInstantCode =
  | 'instant_syntax'
  | 'instant_without_offset'
  | 'instant_too_precise'
  | 'instant_not_in_calendar'
  | 'instant_out_of_range';

/** The text or count is no instant that we can keep. */
export class InvalidInstantError extends DomainError {
  override readonly name = 'InvalidInstantError';
  readonly code: InvalidInstantCode;

  constructor(code: InvalidInstantCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** 9999-12-31T23:59:59Z in seconds since 1970. */
const LAST_SECOND = 253_402_300_799;

const WITH_OFFSET = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d)$/;
/** What {@link render} would write just so: most of what arrives, and not written anew. */
const AS_RENDERED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!000)\d{3}(?:(?!000)\d{3})?)?Z$/;
const WITHOUT_OFFSET = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;
const TOO_PRECISE = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d\.\d{7,}(?:[Zz]|[+-]\d\d:\d\d)$/;

/** Where the text behind the seconds starts. */
const AFTER_SECONDS = 19;

/**
 * Reads an instant from the outside.
 *
 * Strict on purpose: seconds and offset are required, the date must exist, there is no 24:00 and no leap second (read
 * leniently they become another instant, on another date), and a seventh fraction digit is refused because rounding it
 * away could move the instant into another delivery period.
 *
 * @param text RFC 3339 with `Z` or an offset, at most six fraction digits
 * @returns the same instant in UTC, canonical
 * @throws InvalidInstantError with a code that says which of these rules the text breaks
 */
export function parseInstant(text: string): UtcInstant {
  if (!WITH_OFFSET.test(text)) throw unreadable(text);
  const offsetAt = offsetPosition(text);
  const seconds = localSeconds(text) - offsetSeconds(text, offsetAt);
  if (AS_RENDERED.test(text) && isInRange(seconds)) return branded(text);
  return render(seconds, microsOfFraction(text, offsetAt), text);
}

/**
 * The instant so many microseconds after 1970-01-01T00:00:00Z.
 *
 * @param micros a safe integer, not negative
 * @throws InvalidInstantError `instant_out_of_range` otherwise
 */
export function instantFromEpochMicros(micros: number): UtcInstant {
  if (!Number.isSafeInteger(micros)) throw notACount(micros, 'microseconds');
  const seconds = Math.floor(micros / 1_000_000);
  return render(seconds, micros - seconds * 1_000_000, `${micros} microseconds since 1970`);
}

/**
 * The instant so many milliseconds after 1970-01-01T00:00:00Z, like a clock gives them.
 *
 * @param millis a safe integer, not negative, at most the end of the year 9999
 * @throws InvalidInstantError `instant_out_of_range` otherwise
 */
export function instantFromEpochMillis(millis: number): UtcInstant {
  if (!Number.isSafeInteger(millis)) throw notACount(millis, 'milliseconds');
  const seconds = Math.floor(millis / 1_000);
  return render(seconds, (millis - seconds * 1_000) * 1_000, `${millis} milliseconds since 1970`);
}

/**
 * The instant at the beginning of a whole second after 1970-01-01T00:00:00Z.
 *
 * @param seconds a safe integer, not negative, at most the end of the year 9999
 * @throws InvalidInstantError `instant_out_of_range` otherwise
 */
export function instantFromEpochSeconds(seconds: number): UtcInstant {
  if (!Number.isSafeInteger(seconds)) throw notACount(seconds, 'seconds');
  return render(seconds, 0, `${seconds} seconds since 1970`);
}

/**
 * Microseconds since 1970-01-01T00:00:00Z, exact.
 *
 * @returns a safe integer
 * @throws InvalidInstantError `instant_out_of_range` from 2255-06-05T23:47:34.740992Z on, where a number no longer counts
 * microseconds one by one
 */
export function epochMicros(instant: UtcInstant): number {
  const micros = epochSeconds(instant) * 1_000_000 + microsOfSecond(instant);
  if (Number.isSafeInteger(micros)) return micros;
  throw new InvalidInstantError(
    'instant_out_of_range',
    `${instant} is too far away to be counted in microseconds: choose an instant before June 2255.`,
  );
}

/** Whole seconds since 1970-01-01T00:00:00Z; a fraction of the second is left away. */
export function epochSeconds(instant: UtcInstant): number {
  return localSeconds(instant);
}

/** The fraction of the second in microseconds, 0 to 999,999. */
export function microsOfSecond(instant: UtcInstant): number {
  return microsOfFraction(instant, instant.length - 1);
}

/** Negative when `a` is before `b`, zero when they are the same instant, positive when `a` is after `b`. */
export function compareInstants(a: UtcInstant, b: UtcInstant): number {
  return epochSeconds(a) - epochSeconds(b) || microsOfSecond(a) - microsOfSecond(b);
}

/** Seconds since 1970 of the date and time of day as written, whatever their offset. */
function localSeconds(text: string): number {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (!isCalendarDate(year, month, day) || hour > 23 || minute > 59 || second > 59) throw notInCalendar(text);
  return daysSince1970(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
}

function offsetSeconds(text: string, offsetAt: number): number {
  if (offsetAt === text.length - 1) return 0;
  const hours = twoDigits(text, offsetAt + 1);
  const minutes = twoDigits(text, offsetAt + 4);
  if (hours > 23 || minutes > 59) throw notInCalendar(text);
  return (text[offsetAt] === '-' ? -60 : 60) * (hours * 60 + minutes);
}

function offsetPosition(text: string): number {
  const last = text.charCodeAt(text.length - 1);
  return last >= DIGIT_0 && last <= DIGIT_9 ? text.length - 6 : text.length - 1;
}

function microsOfFraction(text: string, fractionEnd: number): number {
  let micros = 0;
  let weight = 100_000;
  for (let at = AFTER_SECONDS + 1; at < fractionEnd; at += 1) {
    micros += (text.charCodeAt(at) - DIGIT_0) * weight;
    weight /= 10;
  }
  return micros;
}

const DIGIT_0 = 48;
const DIGIT_9 = 57;

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - DIGIT_0) * 10 + text.charCodeAt(at + 1) - DIGIT_0;
}

function render(seconds: number, micros: number, source: string): UtcInstant {
  if (!isInRange(seconds)) throw outOfRange(source);
  return branded(`${dateTimeText(seconds)}${fractionText(micros)}Z`);
}

function isInRange(seconds: number): boolean {
  return seconds >= 0 && seconds <= LAST_SECOND;
}

function fractionText(micros: number): string {
  if (micros === 0) return '';
  return micros % 1_000 === 0 ? `.${padded(micros / 1_000, 3)}` : `.${padded(micros, 6)}`;
}

function padded(digits: number, length: number): string {
  return String(digits).padStart(length, '0');
}

/** For texts that are canonical, and nothing else: those that `render` writes, or would write. */
function branded(canonical: string): UtcInstant;
function branded(canonical: string): string {
  return canonical;
}

function unreadable(text: string): InvalidInstantError {
  if (WITHOUT_OFFSET.test(text)) {
    return new InvalidInstantError(
      'instant_without_offset',
      `${quoted(text)} is no instant without "Z" or an offset: write it like "2026-03-29T01:00:00Z".`,
    );
  }
  if (TOO_PRECISE.test(text)) {
    return new InvalidInstantError(
      'instant_too_precise',
      `${quoted(text)} has more than six fraction digits: round it to microseconds.`,
    );
  }
  return new InvalidInstantError(
    'instant_syntax',
    `${quoted(text)} is not an RFC 3339 instant: write it like "2026-03-29T01:00:00Z".`,
  );
}

function notInCalendar(text: string): InvalidInstantError {
  return new InvalidInstantError(
    'instant_not_in_calendar',
    `${quoted(text)} does not exist: months are 01 to 12, days as the month has, hours 00 to 23, minutes and seconds 00 to 59.`,
  );
}

function outOfRange(source: string): InvalidInstantError {
  return new InvalidInstantError(
    'instant_out_of_range',
    `${quoted(source)} is outside 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z.`,
  );
}

function notACount(value: number, unit: string): InvalidInstantError {
  return new InvalidInstantError(
    'instant_out_of_range',
    `${value} is not a count of ${unit}: give a whole number that a double counts exactly.`,
  );
}
