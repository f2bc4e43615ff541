import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  closePeriodData,
  keepForecasts,
  keepReservations,
  keepSnapshots,
  listForecasts,
  listLatestSnapshots,
  listReservations,
  listSnapshots,
  readSnapshots,
  totalMoves,
  type Database,
  type Forecast,
  type OrganisationRow,
  type Reservation,
  type ReservationQuery,
  type SnapshotQuery,
  type StateSnapshot,
  type Trx,
  type Written,
} from '@quarterhour/db';
import {
  energyMoves,
  instantFromEpochSeconds,
  READING_QUALITIES,
  totalOfMoves,
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

const TABLES = ['state_snapshot', 'forecast', 'reservation'] as const;

afterEach(() =>
  server.admin.transaction([ours.id], async (trx) => {
    for (const table of TABLES) {
      await trx.query(query(`delete from app.${table}`));
      await trx.query(query(`delete from app.${table}_history`));
    }
  }),
);

const ALWAYS = { from: at('1970-01-01T00:00:00Z'), to: at('2100-01-01T00:00:00Z') } as const;
const WHOLE = { ...ALWAYS, order: 'asc', limit: 1_000, offset: 0 } as const;

interface Kept {
  readonly stamp: UtcInstant;
  readonly written: Written;
}

const keep = (work: (trx: Trx, stamping: { orgId: string; stamp: UtcInstant }) => Promise<Written>): Promise<Kept> =>
  stamped(control, ours.id, async (trx, stamp) => ({ stamp, written: await work(trx, { orgId: ours.id, stamp }) }));

const rowsIn = <Row>(json: string): Row[] => {
  const rows: Row[] = JSON.parse(json);
  return rows;
};

const aForecast = (different: Partial<Forecast> = {}): Forecast => ({
  assetId: asset,
  startTime: at('2026-01-15T10:00:00Z'),
  endTime: at('2026-01-15T10:30:00Z'),
  deliveryDay: '2026-01-15',
  generationMw: '1.50',
  consumptionMw: null,
  importFeeEurPerMwh: '12.3',
  ...different,
});

const aReservation = (different: Partial<Reservation> = {}): Reservation => ({
  assetId: asset,
  startTime: at('2026-01-15T10:00:00Z'),
  endTime: at('2026-01-15T10:15:00Z'),
  market: 'DAA',
  source: 'OPTIMISATION',
  deliveryDay: '2026-01-15',
  powerMw: '1',
  energyChangeMwh: '-0.25',
  energyBufferLowMwh: '0',
  energyBufferHighMwh: '2',
  ...different,
});

const aSnapshot = (different: Partial<StateSnapshot> = {}): StateSnapshot => ({
  assetId: asset,
  effectiveAt: at('2026-01-15T10:00:00Z'),
  storedEnergyMwh: '10',
  readingQuality: 'VALID',
  ...different,
});

const forecasts = (...rows: Forecast[]) => keep((trx, stamping) => keepForecasts(trx, rows, stamping));
const reservations = (...rows: Reservation[]) => keep((trx, stamping) => keepReservations(trx, rows, stamping));
const snapshots = (...rows: StateSnapshot[]) => keep((trx, stamping) => keepSnapshots(trx, rows, stamping));

interface ShownForecast {
  readonly start: string;
  readonly generation: string | null;
  readonly consumption: string | null;
  readonly created: string;
  readonly updated: string;
}

const shownForecasts = (different: object = {}): Promise<ShownForecast[]> =>
  read.read([ours.id], async (trx) => {
    const { json } = await listForecasts(trx, { assetIds: [asset, second], ...WHOLE, ...different }, [
      { name: 'start', column: 'start_time', as: 'instant' },
      { name: 'generation', column: 'generation_mw', as: 'decimal' },
      { name: 'consumption', column: 'consumption_mw', as: 'decimal' },
      { name: 'created', column: 'created_at', as: 'instant' },
      { name: 'updated', column: 'updated_at', as: 'instant' },
    ]);
    return rowsIn(json);
  });

describe('agreed rows', () => {
  test('are each looked up by key when they are written, in a table that nobody analysed as well', async () => {
    const many = Array.from({ length: 3_000 }, (_, n) =>
      aReservation({ startTime: instantFromEpochSeconds(n * 900), endTime: instantFromEpochSeconds((n + 1) * 900) }),
    );
    await reservations(...many);
    let plan = '';
    await keep(async (trx, stamping) => {
      let written: Written = { inserted: 0, replaced: 0 };
      plan = await explained(trx, async (recorder) => {
        written = await keepReservations(recorder, many.slice(0, 1_000), stamping);
      });
      expect(written).toEqual({ inserted: 0, replaced: 1_000 });
      return written;
    });
    expect(plan.match(/Index Scan using reservation_pkey/g)).toHaveLength(2);
    expect(plan).not.toMatch(/Hash Cond: .*start_time|Bitmap Heap Scan on reservation/);
  });

  test('are replaced as a whole, null included, and keep when they were created', async () => {
    const first = await forecasts(aForecast());
    expect(first.written).toEqual({ inserted: 1, replaced: 0 });
    const later = await forecasts(
      aForecast({ generationMw: null, consumptionMw: '2' }),
      aForecast({ startTime: at('2026-01-15T10:15:00Z') }),
    );
    expect(later.written).toEqual({ inserted: 1, replaced: 1 });
    expect(await shownForecasts()).toEqual([
      {
        start: '2026-01-15T10:00:00Z',
        generation: null,
        consumption: '2',
        created: first.stamp,
        updated: later.stamp,
      },
      {
        start: '2026-01-15T10:15:00Z',
        generation: '1.5',
        consumption: null,
        created: later.stamp,
        updated: later.stamp,
      },
    ]);
  });

  test('are answered as they were known, even when their asset is gone', async () => {
    const first = await forecasts(aForecast());
    const then = await shownForecasts();
    await forecasts(aForecast({ generationMw: '9' }));
    expect(await shownForecasts({ knownAt: first.stamp })).toEqual(then);
    await stamped(control, ours.id, (trx, stamp) => closePeriodData(trx, asset, { orgId: ours.id, stamp }));
    expect(await shownForecasts()).toEqual([]);
    expect(await shownForecasts({ knownAt: first.stamp })).toEqual(then);
  });

  test('written by fifty at once lose no version and meet no deadlock', async () => {
    const starts = ['10:00', '10:15', '10:30'].map((time) => at(`2026-01-15T${time}:00Z`));
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        const rows = starts.map((startTime) =>
          aForecast({ startTime, generationMw: String(n), endTime: at('2026-01-15T11:00:00Z') }),
        );
        return forecasts(...(n % 2 === 0 ? rows : rows.toReversed()));
      }),
    );
    const counted = await control.read([ours.id], (trx) =>
      trx.query(
        query(`select (select count(*) from app.forecast)::int as current,
          (select count(distinct (start_time, generation_mw)) from app.forecast_history)::int as displaced`),
      ),
    );
    expect(counted).toEqual([{ current: 3, displaced: 147 }]);
  });
});

const RESERVATION_KEY = [
  { name: 'asset', column: 'asset_id', as: 'text' },
  { name: 'start', column: 'start_time', as: 'instant' },
  { name: 'market', column: 'market', as: 'text' },
  { name: 'source', column: 'source', as: 'text' },
] as const;

const reservationPage = (trx: Trx, different: Partial<ReservationQuery> = {}) =>
  listReservations(trx, { assetIds: [second, asset], ...WHOLE, ...different }, RESERVATION_KEY);

describe('reservations', () => {
  const starts = ['2026-01-15T10:00:00Z', '2026-01-15T10:15:00Z'];
  const fill = () =>
    reservations(
      ...[second, asset].flatMap((assetId) =>
        starts.toReversed().flatMap((startTime) =>
          ['IDA', 'DAA', 'Über'].flatMap((market) =>
            ['OPTIMISATION', 'DAA_SWAP'].map((source) =>
              aReservation({
                assetId,
                startTime: at(startTime),
                market,
                source,
                endTime: at('2026-01-15T11:00:00Z'),
              }),
            ),
          ),
        ),
      ),
    );
  const texts = (json: string): string[] => rowsIn<object>(json).map((row) => Object.values(row).join(' '));

  test('are in the order of asset, start, market and source, page by page, either way', async () => {
    const { stamp } = await fill();
    for (const knownAt of [undefined, stamp]) {
      const known = knownAt === undefined ? {} : { knownAt };
      const whole = texts((await read.read([ours.id], (trx) => reservationPage(trx, known))).json);
      expect(whole).toEqual([...whole].sort());
      expect(whole).toHaveLength(24);
      for (const order of ['asc', 'desc'] as const) {
        const paged: string[] = [];
        for (let after: ReservationQuery['after'], more = true; more;) {
          const start = after === undefined ? {} : { after };
          const page = await read.read([ours.id], (trx) =>
            reservationPage(trx, { ...known, order, limit: 5, ...start }),
          );
          paged.push(...texts(page.json));
          after = page.lastKey ?? undefined;
          more = page.hasMore;
        }
        expect(paged).toEqual(order === 'asc' ? whole : whole.toReversed());
      }
    }
  });

  test('are found by market and source', async () => {
    await fill();
    const found = await read.read([ours.id], (trx) =>
      reservationPage(trx, { assetIds: [asset], markets: ['IDA', 'Über'], sources: ['DAA_SWAP'], limit: 3 }),
    );
    expect(texts(found.json).map((text) => text.replace(`${asset} 2026-01-15T`, ''))).toEqual([
      '10:00:00Z IDA DAA_SWAP',
      '10:00:00Z Über DAA_SWAP',
      '10:15:00Z IDA DAA_SWAP',
    ]);
    expect(found.hasMore).toBe(true);
  });

  test('that a batch does not name stay', async () => {
    await reservations(aReservation({ source: 'EXTERNAL' }));
    await reservations(aReservation());
    const { size } = await read.read([ours.id], (trx) => reservationPage(trx));
    expect(size).toBe(2);
  });

  test('are read from their key, and no further than the page', async () => {
    const plan = await read.read([ours.id], (trx) => explained(trx, (recorder) => reservationPage(recorder)));
    expect(plan).toMatch(/Index.* Scan using reservation_pkey/);
    expect(plan).not.toMatch(/Seq Scan on reservation/);
  });
});

interface ShownSnapshot {
  readonly asset: string;
  readonly at: string;
  readonly stored: string;
  readonly charged: string | null;
  readonly discharged: string | null;
}

const snapshotPage = (trx: Trx, different: Partial<SnapshotQuery> = {}) =>
  listSnapshots(trx, { assetIds: [asset, second], ...WHOLE, ...different }, [
    { name: 'asset', column: 'asset_id', as: 'text' },
    { name: 'at', column: 'effective_at', as: 'instant' },
    { name: 'stored', column: 'stored_energy_mwh', as: 'decimal' },
    { name: 'charged', column: 'charged_energy_mwh', as: 'decimal' },
    { name: 'discharged', column: 'discharged_energy_mwh', as: 'decimal' },
  ]);

const shownSnapshots = async (different: Partial<SnapshotQuery> = {}): Promise<ShownSnapshot[]> =>
  rowsIn((await read.read([ours.id], (trx) => snapshotPage(trx, different))).json);

describe('snapshots of stored energy', () => {
  const minute = (n: number): UtcInstant =>
    instantFromEpochSeconds(Date.parse('2026-01-15T10:00:00Z') / 1_000 + n * 60);

  test('say what moved, page by page and in all, as the domain does', async () => {
    const series = fc.uniqueArray(
      fc.record({
        n: fc.integer({ min: 0, max: 40 }),
        isSecond: fc.boolean(),
        storedEnergyMwh: fc.integer({ min: -40, max: 40 }).map((n) => String(n / 8)),
        readingQuality: fc.constantFrom(...READING_QUALITIES),
      }),
      { selector: ({ n, isSecond }) => `${n} ${isSecond}`, minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(
        series,
        fc.integer({ min: 0, max: 40 }),
        fc.constantFrom('asc', 'desc'),
        async (some, first, order) => {
          await server.admin.transaction([ours.id], (trx) => trx.query(query('delete from app.state_snapshot')));
          const rows = some
            .map(({ n, isSecond, ...rest }) => ({
              ...rest,
              n,
              assetId: isSecond ? second : asset,
              effectiveAt: minute(n),
            }))
            .sort((left, right) => left.n - right.n || (left.assetId < right.assetId ? -1 : 1));
          const { stamp } = await snapshots(...rows);
          const moves = new Map(
            [asset, second].flatMap((id) => {
              const own = rows.filter(({ assetId }) => assetId === id);
              const moved = energyMoves(own.map((row) => ({ ...row, quality: row.readingQuality })));
              return own.map((row, index) => [`${id} ${row.effectiveAt}`, moved[index] ?? null]);
            }),
          );
          const within = rows.filter(({ n }) => n >= first).map((row) => `${row.assetId} ${row.effectiveAt}`);
          for (const known of [{}, { knownAt: stamp }]) {
            const window = { from: minute(first), to: ALWAYS.to, ...known };
            const shown = await shownSnapshots({ ...window, order });
            const inOrder = order === 'asc' ? shown : shown.toReversed();
            expect(inOrder.map((row) => `${row.asset} ${row.at}`)).toEqual(within);
            expect(inOrder.map(({ charged, discharged }) => [charged, discharged])).toEqual(
              within.map((key) => [moves.get(key)?.chargedMwh ?? null, moves.get(key)?.dischargedMwh ?? null]),
            );
            const totals = await read.read([ours.id], (trx) =>
              totalMoves(trx, { assetIds: [asset, second], ...window }),
            );
            expect(totals).toEqual(totalOfMoves(within.map((key) => moves.get(key) ?? null)));
          }
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  test('are merged over assets by instant, page by page', async () => {
    await snapshots(
      ...Array.from({ length: 10 }, (_, n) =>
        aSnapshot({ assetId: n % 2 === 0 ? asset : second, effectiveAt: minute(Math.floor(n / 4)) }),
      ).filter(
        (row, index, all) =>
          all.findIndex((one) => one.assetId === row.assetId && one.effectiveAt === row.effectiveAt) === index,
      ),
    );
    for (const order of ['asc', 'desc'] as const) {
      const whole = await shownSnapshots({ order });
      const paged: ShownSnapshot[] = [];
      for (let after: SnapshotQuery['after'], more = true; more;) {
        const start = after === undefined ? {} : { after };
        const page = await read.read([ours.id], (trx) => snapshotPage(trx, { order, limit: 2, ...start }));
        paged.push(...rowsIn<ShownSnapshot>(page.json));
        after = page.lastKey ?? undefined;
        more = page.hasMore;
      }
      expect(whole).toHaveLength(6);
      expect(paged).toEqual(whole);
    }
  });

  test('are told in the order in which they were sent', async () => {
    const rows = [aSnapshot({ assetId: second }), aSnapshot({ effectiveAt: minute(3) }), aSnapshot()];
    await snapshots(...rows);
    const json = await control.read([ours.id], (trx) =>
      readSnapshots(trx, ours.id, rows, [
        { name: 'assetId', column: 'asset_id', as: 'text' },
        { name: 'effectiveAt', column: 'effective_at', as: 'instant' },
      ]),
    );
    expect(rowsIn(json)).toEqual(rows.map(({ assetId, effectiveAt }) => ({ assetId, effectiveAt })));
  });

  test('are each looked up by key when they are answered, in a table that nobody analysed as well', async () => {
    const many = Array.from({ length: 3_000 }, (_, n) => aSnapshot({ effectiveAt: instantFromEpochSeconds(n * 60) }));
    await snapshots(...many);
    const plan = await read.read([ours.id], (trx) =>
      explained(trx, (recorder) =>
        readSnapshots(recorder, ours.id, many.slice(0, 1_000), [
          { name: 'assetId', column: 'asset_id', as: 'text' },
          { name: 'effectiveAt', column: 'effective_at', as: 'instant' },
        ]),
      ),
    );
    expect(plan).toMatch(/Index Scan using state_snapshot_pkey/);
    expect(plan).toMatch(/Index Cond: .*effective_at =/);
    expect(plan).not.toMatch(/(Hash|Merge) Cond|Bitmap Heap Scan on state_snapshot|Seq Scan on state_snapshot/);
  });

  test('of each asset the newest are found, as they were known', async () => {
    const { stamp } = await snapshots(aSnapshot(), aSnapshot({ assetId: second, storedEnergyMwh: '7' }));
    await snapshots(aSnapshot({ effectiveAt: minute(1), storedEnergyMwh: '11' }));
    await snapshots(aSnapshot({ storedEnergyMwh: '99' }));
    const newest = (different: object = {}) =>
      read.read([ours.id], async (trx) => {
        const page = { assetIds: [second, asset], order: 'asc', limit: 10, offset: 0, ...different } as const;
        const { json } = await listLatestSnapshots(trx, page, [
          { name: 'stored', column: 'stored_energy_mwh', as: 'decimal' },
        ]);
        return rowsIn<{ stored: string }>(json).map(({ stored }) => stored);
      });
    expect(await newest()).toEqual(['11', '7']);
    expect(await newest({ knownAt: stamp })).toEqual(['10', '7']);
    expect(await newest({ after: { assetId: asset } })).toEqual(['7']);
  });
});
