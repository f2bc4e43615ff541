import { DomainError } from '../errors.js';
import { quoted } from '../quoted.js';
import { IANAZone } from './luxon.js';

declare const marketZone: unique symbol;

/**
 * The time zone of a market, by its IANA name: its calendar days are the delivery days traded there.
 *
 * Every zone of the tz database is allowed. One whose clock is turned back across midnight has no well defined calendar
 * days; no market of today has such a zone.
 */
export type MarketZone = string & { readonly [marketZone]: true };

/** Regions with a market of their own. */
export const REGIONS = ['DE', 'PL'] as const;
export type Region = (typeof REGIONS)[number];

/** Delivery areas: the control areas of the four German transmission system operators, and the Polish one. */
export const DELIVERY_AREAS = ['50HZ', 'AMPN', 'TNBW', 'TNNT', 'PSE'] as const;
export type DeliveryArea = (typeof DELIVERY_AREAS)[number];

/** The text names no time zone. */
export class UnknownMarketZoneError extends DomainError {
  override readonly name = 'UnknownMarketZoneError';
  readonly code = 'unknown_market_zone';
}

const ZONE_NAME = /^(?:UTC|[A-Z][A-Za-z0-9_+-]*(?:\/[A-Z][A-Za-z0-9_+-]*)+)$/;

const known = new Map<string, MarketZone>();

/**
 * Reads the name of a market zone.
 *
 * @param text IANA name in its own spelling, `Europe/Berlin`, or `UTC`; abbreviations and bare offsets are no zones
 * @throws UnknownMarketZoneError when the tz database of this process has no such zone
 */
export function parseMarketZone(text: string): MarketZone {
  const zone = known.get(text);
  if (zone !== undefined) return zone;
  if (!ZONE_NAME.test(text) || !IANAZone.isValidZone(text) || isOtherSpelling(text)) throw unknownZone(text);
  known.set(text, branded(text));
  return branded(text);
}

/** Intl takes names in any case; two spellings of one zone would be two market zones. */
function isOtherSpelling(name: string): boolean {
  const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
  return timeZone !== name && timeZone.toLowerCase() === name.toLowerCase();
}

/** The zone whose calendar days are the delivery days of an area: Warsaw for `PSE`, Berlin for the German areas. */
export function marketZoneOfDeliveryArea(area: DeliveryArea): MarketZone {
  return MARKET_ZONES[regionOfDeliveryArea(area)];
}

/** The region that an area belongs to; an asset of another region in this area is a mistake. */
export function regionOfDeliveryArea(area: DeliveryArea): Region {
  return area === 'PSE' ? 'PL' : 'DE';
}

const MARKET_ZONES: Readonly<Record<Region, MarketZone>> = {
  DE: branded('Europe/Berlin'),
  PL: branded('Europe/Warsaw'),
};

function branded(name: string): MarketZone;
function branded(name: string): string {
  return name;
}

function unknownZone(text: string): UnknownMarketZoneError {
  return new UnknownMarketZoneError(`${quoted(text)} is not a time zone: use an IANA name like "Europe/Berlin".`);
}
