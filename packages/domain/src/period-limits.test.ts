import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { millionthsText, smallMillionths } from '../test/arbitraries.js';
import { areCrossed, limitStretches, mostRestrictive, type LimitSetting, type PeriodLimits } from './period-limits.js';
import { deliveryDayOf } from './time/delivery-day.js';
import { countDeliveryPeriods, expandDailyWindow, expandToDeliveryPeriods } from './time/expansion.js';
import { instantFromEpochSeconds, parseInstant, type UtcInstant } from './time/instant.js';
import { parseMarketZone } from './time/market-zone.js';
import type { Span } from './time/span.js';

const BERLIN = parseMarketZone('Europe/Berlin');
const NOTHING: PeriodLimits = {
  powerChargeMw: null,
  powerDischargeMw: null,
  energyLowMwh: null,
  energyHighMwh: null,
  isTradingLocked: null,
};

const span = (start: string, end: string): Span => ({ start: parseInstant(start), end: parseInstant(end) });

function aSetting(different: Partial<LimitSetting> = {}): LimitSetting {
  return {
    assetId: 'DE_50HZ_WU_1',
    zone: BERLIN,
    source: 'CUSTOMER',
    window: span('2026-01-15T10:00:00Z', '2026-01-15T11:00:00Z'),
    isRecurrent: false,
    limits: { ...NOTHING, powerChargeMw: '-1' },
    ...different,
  };
}

/** What each delivery period gets, period by period: the plain reading of the rule. */
function byPeriod(settings: readonly LimitSetting[]): Map<string, { day: string; limits: PeriodLimits }> {
  const found = new Map<string, { day: string; limits: PeriodLimits }>();
  for (const { assetId, source, window, isRecurrent, zone, limits } of settings) {
    for (const { start } of isRecurrent ? expandDailyWindow(window) : expandToDeliveryPeriods(window)) {
      const key = `${assetId} ${source} ${start}`;
      const said = Object.entries(limits).filter(([, value]) => value !== null);
      const below = found.get(key)?.limits ?? NOTHING;
      found.set(key, { day: deliveryDayOf(start, zone), limits: { ...below, ...Object.fromEntries(said) } });
    }
  }
  return found;
}

function byPeriodOfStretches(settings: readonly LimitSetting[]): Map<string, { day: string; limits: PeriodLimits }> {
  const found = new Map<string, { day: string; limits: PeriodLimits }>();
  for (const { assetId, source, deliveryDay, limits, ...stretch } of limitStretches(settings)) {
    for (const { start } of expandToDeliveryPeriods(stretch)) {
      const key = `${assetId} ${source} ${start}`;
      expect(found.has(key)).toBe(false);
      found.set(key, { day: deliveryDay, limits });
    }
  }
  return found;
}

const quarters = (from: string, days: number): fc.Arbitrary<UtcInstant> =>
  fc.integer({ min: 0, max: days * 96 }).map((n) => instantFromEpochSeconds(Date.parse(from) / 1_000 + n * 900));

/** Around both clock changes of Europe, and one of Lord Howe's, which are half an hour. */
const windows = fc
  .oneof(
    fc.tuple(quarters('2026-03-27T00:00:00Z', 5), quarters('2026-03-27T00:00:00Z', 5)),
    fc.tuple(quarters('2026-10-23T00:00:00Z', 5), quarters('2026-10-23T00:00:00Z', 5)),
    fc.tuple(quarters('2026-04-03T00:00:00Z', 4), quarters('2026-04-03T00:00:00Z', 4)),
  )
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => (a < b ? { start: a, end: b } : { start: b, end: a }));

const decimals = fc.option(smallMillionths.map(millionthsText));
const limitValues: fc.Arbitrary<PeriodLimits> = fc.record({
  powerChargeMw: decimals,
  powerDischargeMw: decimals,
  energyLowMwh: decimals,
  energyHighMwh: decimals,
  isTradingLocked: fc.option(fc.boolean()),
});

const settings = fc.array(
  fc.record({
    assetId: fc.constantFrom('A', 'B'),
    zone: fc.constant(BERLIN),
    source: fc.constantFrom('CUSTOMER', 'PV'),
    window: windows,
    isRecurrent: fc.boolean(),
    limits: limitValues,
  }),
  { minLength: 1, maxLength: 5 },
);

describe('settings of limits', () => {
  test('give every delivery period what the rules say, period by period, once', () => {
    fc.assert(
      fc.property(settings, (some) => {
        expect(byPeriodOfStretches(some)).toEqual(byPeriod(some));
      }),
      { numRuns: 40 },
    );
  });

  test.each(['Europe/Berlin', 'Europe/Warsaw', 'Australia/Lord_Howe', 'America/St_Johns', 'UTC'])(
    'are cut at the delivery days of %s',
    (name) => {
      const zone = parseMarketZone(name);
      fc.assert(
        fc.property(windows, fc.boolean(), (window, isRecurrent) => {
          const some = [aSetting({ zone, window, isRecurrent })];
          expect(byPeriodOfStretches(some)).toEqual(byPeriod(some));
        }),
        { numRuns: 15 },
      );
    },
  );

  test('are counted without being expanded', () => {
    fc.assert(
      fc.property(windows, fc.boolean(), (window, isRecurrent) => {
        const periods = isRecurrent ? expandDailyWindow(window) : expandToDeliveryPeriods(window);
        expect(countDeliveryPeriods(window, isRecurrent)).toBe(periods.length);
      }),
    );
  });

  test('of a day of 100 quarter hours stay one stretch', () => {
    const window = span('2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z');
    expect(limitStretches([aSetting({ window })])).toEqual([
      expect.objectContaining({ deliveryDay: '2026-10-25', ...window }),
    ]);
  });

  test('over midnight UTC are in two delivery days only where the market’s midnight is', () => {
    const window = span('2026-01-15T22:00:00Z', '2026-01-16T01:00:00Z');
    expect(limitStretches([aSetting({ window })]).map(({ deliveryDay, end }) => [deliveryDay, end])).toEqual([
      ['2026-01-15', '2026-01-15T23:00:00Z'],
      ['2026-01-16', '2026-01-16T01:00:00Z'],
    ]);
  });

  test('that overlap apply in order: later values win, what they leave open stays', () => {
    const first = aSetting({ limits: { ...NOTHING, powerChargeMw: '-1', isTradingLocked: true } });
    const second = aSetting({
      window: span('2026-01-15T10:30:00Z', '2026-01-15T11:30:00Z'),
      limits: { ...NOTHING, powerChargeMw: '-2' },
    });
    expect(limitStretches([first, second]).map(({ start, end, limits }) => [start, end, limits])).toEqual([
      ['2026-01-15T10:00:00Z', '2026-01-15T10:30:00Z', first.limits],
      ['2026-01-15T10:30:00Z', '2026-01-15T11:00:00Z', { ...first.limits, powerChargeMw: '-2' }],
      ['2026-01-15T11:00:00Z', '2026-01-15T11:30:00Z', second.limits],
    ]);
  });
});

describe('the most restrictive combination', () => {
  test('takes the narrowest band of each, and locks when any source does', () => {
    const limits = [
      { powerChargeMw: '-10', powerDischargeMw: '8', energyLowMwh: '1', energyHighMwh: null, isTradingLocked: false },
      { powerChargeMw: '-9.5', powerDischargeMw: '10', energyLowMwh: null, energyHighMwh: '9', isTradingLocked: null },
      { ...NOTHING, energyHighMwh: '20', isTradingLocked: true },
    ];
    expect(mostRestrictive(limits)).toEqual({
      powerChargeMw: '-9.5',
      powerDischargeMw: '8',
      energyLowMwh: '1',
      energyHighMwh: '9',
      isTradingLocked: true,
    });
  });

  test('of sources that say nothing says nothing, and does not lock', () => {
    expect(mostRestrictive([NOTHING, NOTHING])).toEqual({ ...NOTHING, isTradingLocked: false });
  });

  test('does not depend on the order of the sources, and loosens nothing', () => {
    fc.assert(
      fc.property(fc.array(limitValues, { minLength: 1, maxLength: 5 }), limitValues, (some, another) => {
        expect(mostRestrictive(some.toReversed())).toEqual(mostRestrictive(some));
        const narrowed = mostRestrictive([...some, another]);
        expect(mostRestrictive([...some, narrowed])).toEqual(narrowed);
      }),
    );
  });

  test('shows a band whose bounds have crossed as it is', () => {
    const limits = [
      { ...NOTHING, powerChargeMw: '5' },
      { ...NOTHING, powerDischargeMw: '-5' },
    ];
    expect(mostRestrictive(limits)).toMatchObject({ powerChargeMw: '5', powerDischargeMw: '-5' });
  });
});

test.each([
  ['1', '0.999999', true],
  ['1', '1', false],
  ['-2', '-10', true],
  ['9', '10', false],
  [null, '-1', false],
  ['1', null, false],
])('a band from %s to %s is crossed: %s', (low, high, isCrossed) => {
  expect(areCrossed(low, high)).toBe(isCrossed);
});
