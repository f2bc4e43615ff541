import { describe, expect, test } from '@jest/globals';
import { DELIVERY_AREAS, marketZoneOfDeliveryArea, parseMarketZone, regionOfDeliveryArea } from './market-zone.js';

describe('market zone', () => {
  test.each([
    'Europe/Berlin',
    'Europe/Lisbon',
    'Atlantic/Azores',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT+5',
    'UTC',
  ])('%s is one', (name) => {
    expect(parseMarketZone(name)).toBe(name);
    expect(parseMarketZone(name)).toBe(name);
  });

  test.each([
    '',
    'Berlin',
    'europe/berlin',
    'Europe/BERLIN',
    'Europe/Atlantis',
    'CET',
    '+01:00',
    'utc',
    'Europe/Berlin ',
  ])('%p is none', (name) => {
    expect(() => parseMarketZone(name)).toThrow(
      expect.objectContaining({ name: 'UnknownMarketZoneError', code: 'unknown_market_zone' }),
    );
  });

  test('every delivery area has a region, and its region a zone', () => {
    const areas = DELIVERY_AREAS.map((area) => [area, regionOfDeliveryArea(area), marketZoneOfDeliveryArea(area)]);
    expect(areas).toEqual([
      ['50HZ', 'DE', 'Europe/Berlin'],
      ['AMPN', 'DE', 'Europe/Berlin'],
      ['TNBW', 'DE', 'Europe/Berlin'],
      ['TNNT', 'DE', 'Europe/Berlin'],
      ['PSE', 'PL', 'Europe/Warsaw'],
    ]);
  });
});
