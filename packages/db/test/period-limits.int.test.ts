import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  clearLimits,
  closePeriodData,
  listLimits,
  setLimits,
  type Database,
  type LimitProjection,
  type OrganisationRow,
  type PeriodLimitQuery,
  type Trx,
} from '@quarterhour/db';
import {
  deliveryDayOf,
  expandDailyWindow,
  expandToDeliveryPeriods,
  instantFromEpochSeconds,
  limitStretches,
  marketZoneOfDeliveryArea,
  mostRestrictive,
  type LimitSetting,
  type PeriodLimits,
  type Span,
  type UtcInstant,
} from '@quarterhour/domain';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { at, connect, query, stamped } from './fixtures.js';
import { explained } from './plans.js';

let server: TestDatabase;
let control: Database;
let read: Database;
let ours: OrganisationRow;
let asset: string;
let second: string;

beforeAll(async () => {
  server = await testDatabase();
  control = connect(server.controlUrl, 10);
  read = connect(server.readUrl);
  ours = await anOrganisation(server.admin);
  asset = await anAsset(server.admin, ours);
  second = await anAsset(server.admin, ours);
}, 60_000);

afterAll(async () => {
  await control.close();
  await read.close();
  await server.drop();
});

const empty = () =>
  server.admin.transaction([ours.id], async (trx) => {
    await trx.query(query('delete from app.period_limit'));
    await trx.query(query('delete from app.period_limit_history'));
  });
afterEach(empty);

const BERLIN = marketZoneOfDeliveryArea('50HZ');
const NOTHING: PeriodLimits = {
  powerChargeMw: null,
  powerDischargeMw: null,
  energyLowMwh: null,
  energyHighMwh: null,
  isTradingLocked: null,
};
const span = (start: string, end: string): Span => ({ start: at(start), end: at(end) });
const HOUR = span('2026-01-15T10:00:00Z', '2026-01-15T11:00:00Z');

type Setting = Partial<Omit<LimitSetting, 'limits'>> & { readonly limits?: Partial<PeriodLimits> };

function aSetting({ limits, ...different }: Setting = {}): LimitSetting {
  return {
    assetId: asset,
    zone: BERLIN,
    source: 'CUSTOMER',
    window: HOUR,
    isRecurrent: false,
    ...different,
    limits: { ...NOTHING, ...(limits ?? { powerChargeMw: '-1' }) },
  };
}

/** @returns the stamp */
const set = (...settings: Setting[]): Promise<UtcInstant> =>
  stamped(control, ours.id, async (trx, stamp) => {
    await setLimits(trx, limitStretches(settings.map(aSetting)), { orgId: ours.id, stamp });
    return stamp;
  });

const clear = (source: string, window: Span): Promise<UtcInstant> =>
  stamped(control, ours.id, async (trx, stamp) => {
    const limits = { assetId: asset, source, from: window.start, to: window.end };
    await clearLimits(trx, limits, { orgId: ours.id, stamp });
    return stamp;
  });

const VALUES = [
  { name: 'charge', column: 'power_charge_mw', as: 'decimal' },
  { name: 'discharge', column: 'power_discharge_mw', as: 'decimal' },
  { name: 'low', column: 'energy_low_mwh', as: 'decimal' },
  { name: 'high', column: 'energy_high_mwh', as: 'decimal' },
  { name: 'locked', column: 'trading_locked', as: 'boolean' },
] as const;

const SHOWN: LimitProjection = {
  ofPeriod: [
    { name: 'asset', column: 'asset_id', as: 'text' },
    { name: 'start', column: 'start_time', as: 'instant' },
    { name: 'end', column: 'end_time', as: 'instant' },
    { name: 'day', column: 'delivery_day', as: 'date' },
    ...VALUES,
    { name: 'sources', column: 'sources', as: 'json' },
  ],
  ofSource: [
    { name: 'source', column: 'source', as: 'text' },
    ...VALUES,
    { name: 'created', column: 'created_at', as: 'instant' },
    { name: 'updated', column: 'updated_at', as: 'instant' },
  ],
};

interface Said {
  readonly charge: string | null;
  readonly discharge: string | null;
  readonly low: string | null;
  readonly high: string | null;
  readonly locked: boolean | null;
}

interface Shown extends Said {
  readonly asset: string;
  readonly start: string;
  readonly end: string;
  readonly day: string;
  readonly sources: readonly (Said & { readonly source: string; readonly created: string; readonly updated: string })[];
}

const pageOf = (trx: Trx, different: Partial<PeriodLimitQuery> = {}) =>
  listLimits(
    trx,
    {
      assetIds: [asset, second],
      from: at('1970-01-01T00:00:00Z'),
      to: at('2100-01-01T00:00:00Z'),
      order: 'asc',
      limit: 1_000,
      offset: 0,
      ...different,
    },
    SHOWN,
  );

async function shown(different: Partial<PeriodLimitQuery> = {}): Promise<Shown[]> {
  const { json } = await read.read([ours.id], (trx) => pageOf(trx, different));
  const rows: Shown[] = JSON.parse(json);
  return rows;
}

const count = (table: string): Promise<number> =>
  control.read([ours.id], async (trx) => {
    const [row] = await trx.query<{ n: number }>(query(`select count(*)::int as n from app.${table}`));
    return row?.n ?? 0;
  });

const quarter = (from: string, n: number): UtcInstant => instantFromEpochSeconds(Date.parse(from) / 1_000 + n * 900);

/** Around both clock changes of Germany and Poland. */
const windows = fc
  .tuple(
    fc.constantFrom('2026-03-27T00:00:00Z', '2026-10-23T00:00:00Z'),
    fc.integer({ min: 0, max: 5 * 96 }),
    fc.integer({ min: 0, max: 5 * 96 }),
  )
  .filter(([, a, b]) => a !== b)
  .map(([from, a, b]) => ({ start: quarter(from, Math.min(a, b)), end: quarter(from, Math.max(a, b)) }));

const decimals = fc.option(fc.integer({ min: -50, max: 50 }).map((n) => String(n / 4)));
const someLimits: fc.Arbitrary<PeriodLimits> = fc
  .record({
    powerChargeMw: decimals,
    powerDischargeMw: decimals,
    energyLowMwh: decimals,
    energyHighMwh: decimals,
    isTradingLocked: fc.option(fc.boolean()),
  })
  .filter((limits) => Object.values(limits).some((value) => value !== null));

type Wish = Pick<LimitSetting, 'source' | 'window' | 'isRecurrent' | 'limits'> & { readonly isSecond: boolean };

const wishes: fc.Arbitrary<Wish[]> = fc.array(
  fc.record({
    isSecond: fc.boolean(),
    source: fc.constantFrom('CUSTOMER', 'PV', 'REPORTED'),
    window: windows,
    isRecurrent: fc.boolean(),
    limits: someLimits,
  }),
  { minLength: 1, maxLength: 3 },
);

/** What should be there after requests one after the other, by the domain alone, period by period. */
function model(requests: readonly (readonly LimitSetting[])[]): Map<string, Map<string, PeriodLimits>> {
  const periods = new Map<string, Map<string, PeriodLimits>>();
  for (const { assetId, source, window, isRecurrent, limits } of requests.flat()) {
    for (const { start } of isRecurrent ? expandDailyWindow(window) : expandToDeliveryPeriods(window)) {
      const sources = periods.get(`${assetId} ${start}`) ?? new Map<string, PeriodLimits>();
      const said = Object.entries(limits).filter(([, value]) => value !== null);
      sources.set(source, { ...(sources.get(source) ?? NOTHING), ...Object.fromEntries(said) });
      periods.set(`${assetId} ${start}`, sources);
    }
  }
  return periods;
}

const saidOf = ({
  powerChargeMw,
  powerDischargeMw,
  energyLowMwh,
  energyHighMwh,
  isTradingLocked,
}: PeriodLimits): Said => ({
  charge: powerChargeMw,
  discharge: powerDischargeMw,
  low: energyLowMwh,
  high: energyHighMwh,
  locked: isTradingLocked,
});

const onlySaid = ({ charge, discharge, low, high, locked }: Said): Said => ({ charge, discharge, low, high, locked });

describe('limits of windows', () => {
  test('come to the delivery periods, days and values that the domain says, in zones and over clock changes', async () => {
    const polish = await anAsset(server.admin, ours, { region: 'PL', deliveryArea: 'PSE' });
    const settingOf = ({ isSecond, ...wish }: Wish): LimitSetting => ({
      ...wish,
      assetId: isSecond ? polish : asset,
      zone: marketZoneOfDeliveryArea(isSecond ? 'PSE' : '50HZ'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(wishes, { minLength: 1, maxLength: 3 }), async (some) => {
        await empty();
        const requests = some.map((one) => one.map(settingOf));
        for (const request of requests) await set(...request);
        const expected = model(requests);
        const found = await everything([asset, polish]);
        expect(found.map(({ asset: id, start }) => `${id} ${start}`).sort()).toEqual([...expected.keys()].sort());
        for (const { asset: id, start, day, sources, ...computed } of found) {
          const said = expected.get(`${id} ${start}`) ?? new Map<string, PeriodLimits>();
          expect(day).toBe(deliveryDayOf(at(start), BERLIN));
          expect(onlySaid(computed)).toEqual(saidOf(mostRestrictive([...said.values()])));
          const bySource = [...said].sort(([left], [right]) => (left < right ? -1 : 1));
          expect(sources.map((one) => [one.source, onlySaid(one)])).toEqual(
            bySource.map(([source, limits]) => [source, saidOf(limits)]),
          );
        }
      }),
      { numRuns: 15 },
    );
  }, 120_000);

  async function everything(assetIds: readonly string[]): Promise<Shown[]> {
    const found: Shown[] = [];
    for (let offset = 0; ; offset += 1_000) {
      const page = await shown({ assetIds, offset });
      found.push(...page);
      if (page.length < 1_000) return found;
    }
  }

  test('over a year are 35,040 rows, and as many in the history when all are set again', async () => {
    const year = span('2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z');
    await set({ window: year });
    expect([await count('period_limit'), await count('period_limit_history')]).toEqual([35_040, 0]);
    await set({ window: year, limits: { powerDischargeMw: '2' } });
    expect([await count('period_limit'), await count('period_limit_history')]).toEqual([35_040, 35_040]);
    expect(await shown({ limit: 1, offset: 35_039 })).toEqual([
      expect.objectContaining({ start: '2026-12-31T23:45:00Z', day: '2027-01-01', charge: '-1', discharge: '2' }),
    ]);
  });

  test('keep what a later request leaves open, and when they were created', async () => {
    const first = await set({ limits: { powerChargeMw: '-1.50', energyHighMwh: '4', isTradingLocked: true } });
    const later = await set({ limits: { powerChargeMw: '-2', isTradingLocked: false } });
    const [period] = await shown();
    expect(period?.sources).toEqual([
      {
        source: 'CUSTOMER',
        charge: '-2',
        discharge: null,
        low: null,
        high: '4',
        locked: false,
        created: first,
        updated: later,
      },
    ]);
  });

  test('are new where a window reaches beyond what stood, and only there', async () => {
    const first = await set({});
    const later = await set({
      window: span('2026-01-15T10:30:00Z', '2026-01-15T11:30:00Z'),
      limits: { energyLowMwh: '1' },
    });
    const created = (await shown()).map(({ charge, sources }) => [charge, sources[0]?.created]);
    expect(created).toEqual([
      ['-1', first],
      ['-1', first],
      ['-1', first],
      ['-1', first],
      [null, later],
      [null, later],
    ]);
    expect(await count('period_limit_history')).toBe(2);
  });
});

describe('clearing the limits of a source', () => {
  test('takes the constraints, spares the lock, and removes what says nothing any more', async () => {
    await set({
      limits: { powerChargeMw: '-1', isTradingLocked: true },
      window: span('2026-01-15T10:00:00Z', '2026-01-15T10:15:00Z'),
    });
    await set({
      limits: { powerChargeMw: '-1', isTradingLocked: false },
      window: span('2026-01-15T10:15:00Z', '2026-01-15T10:30:00Z'),
    });
    await set({ limits: { powerChargeMw: '-1' }, window: span('2026-01-15T10:30:00Z', '2026-01-15T10:45:00Z') });
    await set({ source: 'PV', limits: { powerChargeMw: '-3' } });
    await clear('CUSTOMER', HOUR);
    const left = (await shown()).map(({ start, charge, locked, sources }) => [
      start.slice(11, 16),
      charge,
      locked,
      sources.map(({ source }) => source),
    ]);
    expect(left).toEqual([
      ['10:00', '-3', true, ['CUSTOMER', 'PV']],
      ['10:15', '-3', false, ['PV']],
      ['10:30', '-3', false, ['PV']],
      ['10:45', '-3', false, ['PV']],
    ]);
  });

  test('takes the start of the window and leaves out its end', async () => {
    await set({});
    await clear('CUSTOMER', span('2026-01-15T10:15:00Z', '2026-01-15T10:45:00Z'));
    expect((await shown()).map(({ start }) => start.slice(11, 16))).toEqual(['10:00', '10:45']);
  });

  test('leaves alone a row that is nothing but a lock', async () => {
    const first = await set({ limits: { isTradingLocked: true } });
    await clear('CUSTOMER', HOUR);
    expect((await shown()).flatMap(({ sources }) => sources.map(({ updated }) => updated))).toEqual(
      Array(4).fill(first),
    );
    expect(await count('period_limit_history')).toBe(0);
  });
});

describe('limits as they were known', () => {
  test('are answered byte for byte, whatever was set, cleared or removed since', async () => {
    const answers = new Map<UtcInstant, string>();
    const answer = async (stamp: UtcInstant) => answers.set(stamp, JSON.stringify(await shown()));
    await answer(await set({ limits: { powerChargeMw: '-1', isTradingLocked: true } }));
    await answer(await set({ source: 'PV', limits: { energyHighMwh: '3' } }));
    await answer(
      await set({ limits: { powerChargeMw: '-2' }, window: span('2026-01-15T10:30:00Z', '2026-01-15T12:00:00Z') }),
    );
    await answer(await clear('CUSTOMER', HOUR));
    await answer(await set({ limits: { powerDischargeMw: '9' } }));
    await answer(
      await stamped(control, ours.id, async (trx, stamp) => {
        await closePeriodData(trx, asset, { orgId: ours.id, stamp });
        return stamp;
      }),
    );
    expect(await shown()).toEqual([]);
    expect(new Set(answers.values()).size).toBe(6);
    for (const [stamp, text] of answers) expect(JSON.stringify(await shown({ knownAt: stamp }))).toBe(text);
  });

  test('are paged as they were known, either way', async () => {
    const stamp = await set({}, { assetId: second });
    await set({ limits: { powerChargeMw: '-9' } }, { assetId: second, source: 'PV' });
    await clear('CUSTOMER', HOUR);
    for (const order of ['asc', 'desc'] as const) {
      const whole = await shown({ knownAt: stamp, order });
      expect(whole.map(({ charge }) => charge)).toEqual(Array(8).fill('-1'));
      const paged: Shown[] = [];
      for (let after: PeriodLimitQuery['after'], more = true; more;) {
        const start = after === undefined ? {} : { after };
        const page = await read.read([ours.id], (trx) => pageOf(trx, { knownAt: stamp, order, limit: 3, ...start }));
        const rows: Shown[] = JSON.parse(page.json);
        paged.push(...rows);
        after = page.lastKey ?? undefined;
        more = page.hasMore;
      }
      expect(paged).toEqual(whole);
    }
  });
});

describe('the list of limits', () => {
  test('has one row per asset and period, in order, one of them one item of a page', async () => {
    await set({ assetId: second }, { assetId: second, source: 'PV' }, { source: 'AVAILABILITY' }, {});
    const whole = await shown();
    expect(whole.map(({ asset: id, start }) => `${id} ${start}`)).toEqual(
      [asset, second].flatMap((id) => ['00', '15', '30', '45'].map((minute) => `${id} 2026-01-15T10:${minute}:00Z`)),
    );
    expect(whole[0]?.sources.map(({ source }) => source)).toEqual(['AVAILABILITY', 'CUSTOMER']);
    expect(await shown({ limit: 3, offset: 3 })).toEqual(whole.slice(3, 6));
    expect(await shown({ order: 'desc' })).toEqual(whole.toReversed());
  });

  test('with sources lists periods that one of them is about, computed over all sources', async () => {
    await set({ limits: { powerChargeMw: '-5' } });
    await set({
      source: 'PV',
      limits: { powerChargeMw: '-2' },
      window: span('2026-01-15T10:15:00Z', '2026-01-15T10:30:00Z'),
    });
    await set({
      source: 'REPORTED',
      limits: { powerChargeMw: '-9' },
      window: span('2026-01-15T12:00:00Z', '2026-01-15T12:15:00Z'),
    });
    const found = await shown({ sources: ['PV', 'REPORTED'] });
    expect(
      found.map(({ start, charge, sources }) => [start.slice(11, 16), charge, sources.map(({ source }) => source)]),
    ).toEqual([
      ['10:15', '-2', ['PV']],
      ['12:00', '-9', ['REPORTED']],
    ]);
  });

  test('shows nothing of another organisation', async () => {
    await set({});
    const theirs = await anOrganisation(server.admin);
    const { json } = await read.read([theirs.id], (trx) => pageOf(trx));
    expect(json).toBe('[]');
  });

  test.each([
    ['latest', {}],
    ['as known', { knownAt: at('2100-01-01T00:00:00Z') }],
    ['after a row', { after: { assetId: 'DE_50HZ_WU_1', startTime: at('2026-01-15T10:15:00Z') } }],
  ])('reads no more than its page (%s)', async (_case, different) => {
    await set({ window: span('2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z') });
    await server.admin.transaction([ours.id], (trx) => trx.query(query('analyze app.period_limit')));
    const plan = await read.read([ours.id], (trx) => explained(trx, (recorder) => pageOf(recorder, different)));
    expect(plan).toMatch(/Index.* Scan using period_limit_pkey/);
    expect(plan).not.toMatch(/Seq Scan on period_limit\b/);
  });
});

describe('many writers at once', () => {
  test('lose no update and meet no deadlock', async () => {
    const fields = ['powerChargeMw', 'powerDischargeMw', 'energyLowMwh', 'energyHighMwh'] as const;
    const writers = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(
      writers.map((n) => {
        const field = fields[n % 4] ?? 'powerChargeMw';
        const window = span(n % 2 === 0 ? HOUR.start : '2026-01-15T10:30:00Z', HOUR.end);
        const both = [
          { window, limits: { [field]: String(n) } },
          { assetId: second, window, limits: { [field]: String(n) } },
        ];
        return set(...(n % 3 === 0 ? both : both.toReversed()));
      }),
    );
    const rows = await count('period_limit');
    expect(rows).toBe(8);
    expect(rows + (await count('period_limit_history'))).toBe(25 * 8 + 25 * 4);
    const overlaps = await control.read([ours.id], (trx) =>
      trx.query(
        query(`
          with version as (
            select asset_id, start_time, source, updated_at, displaced_at from app.period_limit_history
            union all select asset_id, start_time, source, updated_at, 'infinity' from app.period_limit)
          select * from (
            select v.*, lag(displaced_at) over (partition by asset_id, start_time, source order by updated_at) as before
            from version v) v where before <> updated_at`),
      ),
    );
    expect(overlaps).toEqual([]);
  });
});
