import { QUEUE_PREFIX_PATTERN, dateText, plainText, uuidText } from '@quarterhour/contracts';
import { UnknownMarketZoneError, parseMarketZone, type MarketZone } from '@quarterhour/domain';
import { InvalidArgumentError } from 'commander';

/** Readers of values from the command line. Each throws InvalidArgumentError, saying what would be right. */

const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;
const EAN = /^\d{18}$/;
const ASSET_CODE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export function slug(text: string): string {
  return matching(text, SLUG, 'Use 1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen.');
}

export function queuePrefix(text: string): string {
  return matching(
    text,
    QUEUE_PREFIX_PATTERN,
    'Use 2 to 50 lower-case letters, digits and hyphens, with no hyphen at either end.',
  );
}

export function assetCode(text: string): string {
  return matching(text, ASSET_CODE, 'Use 1 to 64 letters, digits, _ and -, beginning with a letter or digit.');
}

export function zone(text: string): MarketZone {
  try {
    return parseMarketZone(text);
  } catch (error) {
    if (error instanceof UnknownMarketZoneError) throw new InvalidArgumentError('Use an IANA name like Europe/Berlin.');
    throw error;
  }
}

export function utcDay(text: string): string {
  if (dateText.safeParse(text).success) return text;
  throw new InvalidArgumentError('Use a date like 2026-01-15.');
}

export function shortText(text: string): string {
  if (plainText(200).safeParse(text).success) return text;
  throw new InvalidArgumentError('Use 1 to 200 characters, no control characters.');
}

export function ean(text: string): string {
  return matching(text, EAN, 'Use the 18 digits of an EAN.');
}

export function uuid(text: string): string {
  const read = uuidText.safeParse(text);
  if (read.success) return read.data;
  throw new InvalidArgumentError('This is no UUID.');
}

/** Whether a text could be one of our ids rather than an id that somebody else gave. */
export function isUuid(text: string): boolean {
  return uuidText.safeParse(text).success;
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Use a whole number from ${least} to ${most}.`);
  };
}

/** Collects an option that may be given several times. */
export function several(
  read: (text: string) => string,
): (text: string, before: readonly string[] | undefined) => readonly string[] {
  return (text, before = []) => [...before, read(text)];
}

function matching(text: string, pattern: RegExp, rule: string): string {
  if (pattern.test(text)) return text;
  throw new InvalidArgumentError(rule);
}
