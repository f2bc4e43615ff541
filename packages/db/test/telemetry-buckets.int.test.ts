import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import { anOrganisation, aPlant, takeStamp, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  ensurePartitions,
  findWrongRollups,
  listMeterBuckets,
  listTelemetryBuckets,
  measuredKnownAt,
  rollUp,
  type Database,
  type MeterBucketColumn,
  type NewMeterReading,
  type NewRealtimeSample,
  type Projection,
  type TelemetryBucketColumn,
} from '@quarterhour/db';
import { at, connect, dayFromNow, keepReadings, keepSamples, newReading, newSample, query } from './fixtures.js';

const DAY = dayFromNow(-2);
const MIDNIGHT = Date.parse(`${DAY}T00:00:00Z`);
const MINUTE_MS = 60_000;

let server: TestDatabase;
let ingest: Database;
let read: Database;
let orgId: string;
let plantId: string;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
  await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-3), DAY, dayFromNow(-1)]);
});

beforeEach(async () => {
  const owner = await anOrganisation(server.admin);
  orgId = owner.id;
  plantId = (await aPlant(server.admin, owner)).id;
});

afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

const minute = (n: number): UtcInstant => instantFromEpochMillis(MIDNIGHT + Math.round(n * MINUTE_MS));

const store = (rows: readonly Partial<NewRealtimeSample>[]): Promise<unknown> =>
  ingest.transaction([orgId], async (trx) => {
    const receivedAt = await takeStamp(trx);
    await keepSamples(
      trx,
      rows.map((row) => newSample({ ...row, orgId, plantId })),
      receivedAt,
    );
  });

const points: Projection<TelemetryBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'n', column: 'samples', as: 'integer' },
  { name: 'grid', column: 'grid_kw', as: { number: { sign: -1 } } },
  { name: 'inverter', column: 'inverter_kw', as: { number: {} } },
  { name: 'soc', column: 'soc_percent', as: { number: {} } },
];

interface Span {
  readonly from: UtcInstant;
  readonly to: UtcInstant;
  readonly bucketMinutes: number;
}

const mark = (): Promise<UtcInstant> => read.read([orgId], async (trx) => (await measuredKnownAt(trx)).knownAt);

async function buckets(span: Span, knownAt?: UtcInstant): Promise<string> {
  const asked = knownAt ?? (await mark());
  return read.read([orgId], (trx) => listTelemetryBuckets(trx, { ...span, orgId, plantId, knownAt: asked }, points));
}

const parsed = async (span: Span): Promise<unknown> => JSON.parse(await buckets(span));

const rollUpAll = async (): Promise<void> => {
  await rollUp(ingest, [orgId], { most: 1_000 });
};

describe('telemetry in buckets', () => {
  test('is the mean of what was measured, null where nothing was, in every bucket that the span touches', async () => {
    await store([
      { measuredAt: minute(1), gridKw: 2, pvKw: 1, batteryKw: 2, socPercent: 40 },
      { measuredAt: minute(4), gridKw: 4, pvKw: null, batteryKw: 9, socPercent: 50 },
      { measuredAt: minute(12), gridKw: null, pvKw: 3, batteryKw: 3, socPercent: null },
    ]);
    expect(await parsed({ from: minute(0), to: minute(15), bucketMinutes: 5 })).toEqual([
      { time: minute(0), n: 2, grid: -3, inverter: 3, soc: 45 },
      { time: minute(5), n: 0, grid: null, inverter: null, soc: null },
      { time: minute(10), n: 1, grid: null, inverter: 6, soc: null },
    ]);
  });

  test('takes of a bucket only what lies in the span, its start included and its end not', async () => {
    await store([0, 2, 4, 6].map((n) => ({ measuredAt: minute(n), gridKw: -n })));
    expect(await parsed({ from: minute(2), to: minute(6), bucketMinutes: 5 })).toMatchObject([
      { time: minute(0), grid: 3, n: 2 },
      { time: minute(5), n: 0 },
    ]);
  });

  test('is counted from each UTC midnight, the last bucket of a day being cut there', async () => {
    const lastMinute = minute(24 * 60 - 1);
    await store([
      { measuredAt: lastMinute, gridKw: 1 },
      { measuredAt: minute(24 * 60), gridKw: 5 },
    ]);
    const answer = await parsed({ from: minute(24 * 60 - 8), to: minute(24 * 60 + 7), bucketMinutes: 7 });
    expect(answer).toMatchObject([
      { time: minute(24 * 60 - 12), n: 0 },
      { time: minute(24 * 60 - 5), n: 1, grid: -1 },
      { time: minute(24 * 60), n: 1, grid: -5 },
    ]);
  });

  test('is empty for an empty span', async () => {
    expect(await parsed({ from: minute(5), to: minute(5), bucketMinutes: 5 })).toEqual([]);
  });

  test('has the same digits from rollups and from samples, whatever the span', async () => {
    const samples = fc.uniqueArray(
      fc.record({
        second: fc.integer({ min: 0, max: 7_199 }),
        gridKw: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true })),
        pvKw: fc.option(fc.double({ min: 0, max: 1e3, noNaN: true })),
        socPercent: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
      }),
      { selector: ({ second }) => second, minLength: 1, maxLength: 60 },
    );
    const bounds = fc.tuple(fc.integer({ min: -10, max: 130 }), fc.integer({ min: 1, max: 130 }));
    await fc.assert(
      fc.asyncProperty(
        samples,
        bounds,
        fc.constantFrom(15, 30, 45, 60),
        async (rows, [start, length], bucketMinutes) => {
          plantId = (await aPlant(server.admin, { id: orgId, marketZone: 'UTC' })).id;
          await store(rows.map(({ second, ...row }) => ({ ...row, measuredAt: minute(second / 60) })));
          const span = { from: minute(start), to: minute(start + length), bucketMinutes };
          const known = await mark();
          const fromSamples = await buckets(span, known);
          await rollUpAll();
          expect(await buckets(span, known)).toBe(fromSamples);
          expect(await buckets(span)).toBe(fromSamples);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);

  test('is answered again as it was known, after corrections and late samples, rolled up or not', async () => {
    await store([1, 2, 20, 40].map((n) => ({ measuredAt: minute(n), gridKw: n / 3 })));
    const span = { from: minute(0), to: minute(60), bucketMinutes: 15 };
    const fine = { ...span, bucketMinutes: 1 };
    const marks: [UtcInstant, string, string][] = [];
    for (let round = 0; round < 4; round += 1) {
      const known = await mark();
      marks.push([known, await buckets(span, known), await buckets(fine, known)]);
      await store([
        { measuredAt: minute(2), gridKw: round * 7.7 },
        { measuredAt: minute(30 + round), gridKw: 0.1 },
      ]);
      if (round % 2 === 0) await rollUpAll();
    }
    expect(new Set(marks.map(([, answer]) => answer)).size).toBe(4);
    for (const [known, answer, fineAnswer] of marks) {
      expect(await buckets(span, known)).toBe(answer);
      expect(await buckets(fine, known)).toBe(fineAnswer);
    }
  });
});

describe('rollups', () => {
  test('equal a recompute once the list is worked off, and are found wrong when they do not', async () => {
    await store(Array.from({ length: 300 }, (_, n) => ({ measuredAt: minute(n * 4.1), gridKw: Math.sin(n) * 1e3 })));
    await rollUpAll();
    await store([{ measuredAt: minute(8.2), gridKw: 0.3 }]);
    const day = { from: at(`${DAY}T00:00:00Z`), to: at(`${dayFromNow(-1)}T00:00:00Z`) };
    const wrong = () => ingest.read([orgId], (trx) => findWrongRollups(trx, day));
    expect(await wrong()).toMatchObject([{ span: 'quarter', startsAt: minute(0), fault: 'stale' }]);
    await rollUpAll();
    expect(await wrong()).toEqual([]);
    await server.admin.transaction([orgId], (trx) =>
      trx.query(query(`update app.telemetry_rollup set grid_max = 0 where span = 'day' and plant_id = $1`, [plantId])),
    );
    expect(await wrong()).toMatchObject([{ span: 'day', fault: 'stale' }]);
  });

  test('miss nothing of a transaction that commits while they are made', async () => {
    await store([{ measuredAt: minute(1), gridKw: 1 }]);
    await ingest.transaction([orgId], async (trx) => {
      const receivedAt = await takeStamp(trx);
      await keepSamples(trx, [newSample({ orgId, plantId, measuredAt: minute(2), gridKw: 3 })], receivedAt);
      expect(await rollUp(ingest, [orgId], { most: 10 })).toHaveLength(1);
    });
    expect(await rollUp(ingest, [orgId], { most: 10 })).toHaveLength(1);
    expect(await parsed({ from: minute(0), to: minute(15), bucketMinutes: 15 })).toMatchObject([{ n: 2, grid: -2 }]);
  });

  test('are made of a quarter hour once, however often it changed, and from where the list was left', async () => {
    const startsAt = [0, 15, 30, 45].map(minute);
    for (let round = 0; round < 3; round += 1) {
      await store(startsAt.map((_start, n) => ({ measuredAt: minute(n * 15 + round), gridKw: round })));
    }
    const first = await rollUp(ingest, [orgId], { most: 3 });
    expect(first).toEqual(startsAt.slice(0, 3).map((start) => ({ orgId, plantId, startsAt: start })));
    await store([{ measuredAt: minute(5), gridKw: 9 }]);
    const after = first?.at(-1);
    if (after === undefined) throw new Error('nothing was rolled up');
    expect(await rollUp(ingest, [orgId], { most: 3, after })).toMatchObject([{ startsAt: startsAt[3] }]);
    expect(await rollUp(ingest, [orgId], { most: 3 })).toMatchObject([{ startsAt: startsAt[0] }]);
    expect(await rollUp(ingest, [orgId], { most: 3 })).toEqual([]);
  });

  test('are made by one process at a time', async () => {
    await store([{ measuredAt: minute(1) }]);
    await ingest.transaction([orgId], async (trx) => {
      await trx.query(query(`select pg_advisory_xact_lock(hashtextextended('quarterhour.rollups', 0))`));
      expect(await rollUp(ingest, [orgId], { most: 10 })).toBeNull();
    });
    expect(await rollUp(ingest, [orgId], { most: 10 })).toHaveLength(1);
  });
});

const meterPoints: Projection<MeterBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'meter_id', column: 'meter_id', as: 'text' },
  { name: 'interval', column: 'interval', as: 'text' },
  { name: 'energy', column: 'energy_kwh', as: { number: {} } },
];

const storeReadings = (rows: readonly Partial<NewMeterReading>[]): Promise<unknown> =>
  ingest.transaction([orgId], async (trx) => {
    const receivedAt = await takeStamp(trx);
    await keepReadings(
      trx,
      rows.map((row) => newReading({ ...row, orgId, plantId })),
      receivedAt,
    );
  });

async function meterBuckets(span: Span, most = 1_000): Promise<unknown> {
  const knownAt = await mark();
  return read.read([orgId], async (trx) => {
    const answer = await listMeterBuckets(trx, { ...span, orgId, plantId, knownAt }, meterPoints, most);
    const points: unknown = 'json' in answer ? JSON.parse(answer.json) : answer;
    return points;
  });
}

describe('meters in buckets', () => {
  test('tell what each register counted between the ends of the buckets', async () => {
    await storeReadings(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((n) => [
        { readAt: minute(n), valueKwh: 100 + n },
        { readAt: minute(n), register: 'export', valueKwh: 50 + 2 * n },
      ]),
    );
    expect(await meterBuckets({ from: minute(0), to: minute(10), bucketMinutes: 5 })).toEqual([
      { time: minute(0), meter_id: 'GRID:export', interval: 'PT5M', energy: 10 },
      { time: minute(0), meter_id: 'GRID:import', interval: 'PT5M', energy: 5 },
      { time: minute(5), meter_id: 'GRID:export', interval: 'PT5M', energy: 10 },
      { time: minute(5), meter_id: 'GRID:import', interval: 'PT5M', energy: 5 },
    ]);
  });

  test('know no energy over a reset or where a reading is missing, and go on after it', async () => {
    await storeReadings(
      [
        [0, 10],
        [5, 11],
        [7, 0],
        [10, 2],
        [15, 5],
        [25, 9],
        [30, 10],
      ].map(([n = 0, valueKwh = 0]) => ({ readAt: minute(n), valueKwh })),
    );
    const answer = await meterBuckets({ from: minute(0), to: minute(30), bucketMinutes: 5 });
    expect(answer).toMatchObject([1, null, 3, null, null, 1].map((energy) => ({ energy })));
  });

  test('say how many points there would be when there are too many', async () => {
    await storeReadings([{ readAt: minute(1) }, { readAt: minute(1), register: 'export' }]);
    expect(await meterBuckets({ from: minute(0), to: minute(10), bucketMinutes: 1 }, 19)).toEqual({ tooMany: 20 });
  });

  test('are none where no meter was read', async () => {
    expect(await meterBuckets({ from: minute(0), to: minute(10), bucketMinutes: 1 })).toEqual([]);
  });
});
