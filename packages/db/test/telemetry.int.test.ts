import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  classifyError,
  ensurePartitions,
  latestTelemetry,
  measuredKnownAt,
  listPartitions,
  readStreamWindows,
  type Database,
  type NewMeterReading,
  type NewRealtimeSample,
  type Projection,
  type RealtimeColumn,
  type VersionVerdict,
} from '@quarterhour/db';
import { at, connect, dayFromNow, keepReadings, keepSamples, newReading, newSample, NOW, query } from './fixtures.js';

let server: TestDatabase;
let ingest: Database;
let read: Database;
let orgId: string;
let plantId: string;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
  await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-1), dayFromNow(0)]);
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

const store = (rows: readonly NewRealtimeSample[]): Promise<VersionVerdict[]> =>
  ingest.transaction([orgId], (trx) => keepSamples(trx, rows));

const storeReadings = (rows: readonly NewMeterReading[]): Promise<VersionVerdict[]> =>
  ingest.transaction([orgId], (trx) => keepReadings(trx, rows));

const minutesAgo = (minutes: number): NewRealtimeSample['measuredAt'] =>
  instantFromEpochMillis(Date.parse(NOW) - minutes * 60_000);

describe('storing realtime samples', () => {
  test('stores a sample once, however often it comes', async () => {
    const sample = newSample({ orgId, plantId });
    expect(await store([sample, { ...sample }])).toEqual(['stored', 'duplicate']);
    expect(await store([{ ...sample }])).toEqual(['duplicate']);
  });

  test('knows a sample by its values when its message id is another, and by its message id when its values are', async () => {
    const sample = newSample({ orgId, plantId, devices: '{"a": 1, "b": [null]}', pvKw: null });
    await store([sample]);
    const again = { ...sample, messageId: 'another', devices: '{"b":[null],"a":1.0}' };
    const revised = { ...sample, gridKw: 99 };
    expect(await store([again, revised])).toEqual(['duplicate', 'duplicate']);
  });

  test.each<[string, Partial<NewRealtimeSample>]>([
    ['a power', { gridKw: 3.5000001 }],
    ['null for zero', { pvKw: null }],
    ['a state of charge', { socPercent: 54 }],
    ['an energy for null', { batteryEnergyKwh: 0 }],
    ['a temperature', { batteryTemperatureCelsius: -1 }],
    ['an operating mode', { operatingMode: null }],
    ['a quality', { dataQuality: 'STALE' }],
    ['a device', { devices: '[{"id":1}]' }],
  ])('sees a correction when another message says %s', async (_case, different) => {
    const sample = newSample({ orgId, plantId });
    await store([sample]);
    expect(await store([{ ...sample, messageId: 'another', ...different }])).toEqual(['revised']);
  });

  test('answers in the order of the rows, whatever order it stores them in', async () => {
    const known = newSample({ orgId, plantId, measuredAt: minutesAgo(2) });
    await store([known]);
    const verdicts = await store([
      newSample({ orgId, plantId, measuredAt: minutesAgo(1) }),
      { ...known, messageId: 'another', gridKw: 1 },
      newSample({ orgId, plantId, measuredAt: minutesAgo(3) }),
      { ...known },
    ]);
    expect(verdicts).toEqual(['stored', 'revised', 'stored', 'duplicate']);
  });

  test.each([
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['negatively infinite', Number.NEGATIVE_INFINITY],
  ])('refuses a value that is %s as a fault of the data', async (_case, gridKw) => {
    const error = await store([newSample({ orgId, plantId, gridKw })]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23514' });
    expect(classifyError(error)).toBe('data');
  });

  test("stops at a day without partition, which is our fault and not the data's", async () => {
    const measuredAt = at(`${dayFromNow(-40)}T12:00:00Z`);
    const error = await store([newSample({ orgId, plantId, measuredAt })]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '23514' });
    expect(classifyError(error)).toBe('bug');
  });

  test('keeps every digit of a measured value', async () => {
    const values = { gridKw: 0.1 + 0.2, pvKw: 5e-324, batteryKw: -1.7976931348623157e308 };
    await store([newSample({ orgId, plantId, ...values })]);
    const rows = await read.read([orgId], (trx) =>
      trx.query(
        query('select grid_kw as "gridKw", pv_kw as "pvKw", battery_kw as "batteryKw" from app.telemetry_realtime'),
      ),
    );
    expect(rows).toEqual([values]);
  });

  test('hides a sample from every other organisation, asked through the partition too', async () => {
    await store([newSample({ orgId, plantId })]);
    const other = (await anOrganisation(server.admin)).id;
    const count = query('select count(*)::int as n from app.telemetry_realtime');
    expect(await read.read([other], (trx) => trx.query(count))).toEqual([{ n: 0 }]);
    const partition = query(
      `select count(*)::int as n from app.telemetry_realtime_p${NOW.slice(0, 10).replaceAll('-', '')}`,
    );
    await expect(read.read([other], (trx) => trx.query(partition))).rejects.toMatchObject({ code: '42501' });
  });

  test('takes a batch of a thousand', async () => {
    const batch = Array.from({ length: 1000 }, (_, n) =>
      newSample({ orgId, plantId, measuredAt: instantFromEpochMillis(Date.parse(NOW) - n) }),
    );
    expect(new Set(await store(batch))).toEqual(new Set(['stored']));
    expect(new Set(await store(batch.toReversed()))).toEqual(new Set(['duplicate']));
  });
});

describe('storing meter readings', () => {
  test('stores each register of each meter by itself', async () => {
    const rows = [
      newReading({ orgId, plantId }),
      newReading({ orgId, plantId, register: 'export' }),
      newReading({ orgId, plantId, deviceId: 'B1' }),
    ];
    expect(await storeReadings(rows)).toEqual(['stored', 'stored', 'stored']);
    expect(await storeReadings(rows.map((row) => ({ ...row, messageId: 'again' })))).toEqual(
      Array(3).fill('duplicate'),
    );
  });

  test.each<[string, Partial<NewMeterReading>]>([
    ['another value', { valueKwh: 1 }],
    ['no value', { valueKwh: null }],
    ['another role', { role: null }],
    ['another quality', { dataQuality: 'INTERPOLATED' }],
  ])('sees a correction when another message says %s', async (_case, different) => {
    const reading = newReading({ orgId, plantId });
    await storeReadings([reading]);
    expect(await storeReadings([{ ...reading, messageId: 'another', ...different }])).toEqual(['revised']);
  });
});

describe('the newest sample of a plant', () => {
  const point: Projection<RealtimeColumn> = [
    { name: 'plant_id', column: 'plant_id', as: 'text' },
    { name: 'time', column: 'measured_at', as: 'instant' },
    { name: 'grid_power', column: 'grid_kw', as: { number: { sign: -1 } } },
    { name: 'battery_w', column: 'battery_kw', as: { number: { scale: 1000 } } },
    { name: 'soc', column: 'soc_percent', as: { number: {} } },
    { name: 'devices', column: 'devices', as: 'json' },
    { name: 'fve_reg', as: 'null' },
  ];
  const latest = async (scope = [orgId]): Promise<unknown> => {
    const json = await read.read(scope, async (trx) =>
      latestTelemetry(trx, plantId, (await measuredKnownAt(trx)).knownAt, point),
    );
    return json === null ? null : JSON.parse(json);
  };

  test('is null when it never reported', async () => {
    expect(await latest()).toBeNull();
  });

  test('is the last that was measured, with the signs and units that were asked for', async () => {
    await store([
      newSample({ orgId, plantId, measuredAt: minutesAgo(1), gridKw: 7, batteryKw: -1.25, devices: '[{"id": "a"}]' }),
      newSample({ orgId, plantId, measuredAt: minutesAgo(5), gridKw: 100 }),
    ]);
    expect(await latest()).toEqual({
      plant_id: plantId,
      time: minutesAgo(1),
      grid_power: -7,
      battery_w: -1250,
      soc: 55,
      devices: [{ id: 'a' }],
      fve_reg: null,
    });
  });

  test('writes a turned zero as zero and a missing value as null', async () => {
    await store([newSample({ orgId, plantId, gridKw: 0, socPercent: null })]);
    const json = await read.read([orgId], async (trx) =>
      latestTelemetry(trx, plantId, (await measuredKnownAt(trx)).knownAt, point),
    );
    expect(json).toContain('"grid_power":0,');
    expect(json).toContain('"soc":null');
  });

  test('is found however long ago it was', async () => {
    await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-30)]);
    const measuredAt = at(`${dayFromNow(-30)}T12:00:00Z`);
    await store([newSample({ orgId, plantId, measuredAt })]);
    expect(await latest()).toMatchObject({ time: measuredAt });
  });

  test("is nobody else's", async () => {
    await store([newSample({ orgId, plantId })]);
    const other = (await anOrganisation(server.admin)).id;
    expect(await latest([other])).toBeNull();
    expect(await latest([])).toBeNull();
  });

  test('is looked for in the last days first', async () => {
    await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-20), dayFromNow(-19)]);
    const plan = await read.read([orgId], (trx) =>
      trx.query<{ 'QUERY PLAN': string }>(
        query(
          `explain (costs off) select * from app.telemetry_realtime
           where org_id = $1::uuid and plant_id = $2::uuid and measured_at >= $3::timestamptz
           order by measured_at desc limit 1`,
          [orgId, plantId, `${dayFromNow(-2)}T00:00:00Z`],
        ),
      ),
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).not.toContain(`_p${dayFromNow(-20).replaceAll('-', '')}`);
    expect(text).not.toContain('Sort');
  });
});

describe('partitions', () => {
  test('of a day are made for every table of the stream, once, by however many ask', async () => {
    const days = [dayFromNow(-10), dayFromNow(-11), dayFromNow(-12)];
    await Promise.all(
      [days, days.toReversed(), days, days].map((order) => ensurePartitions(ingest, 'plant-telemetry', order)),
    );
    const made = (await listPartitions(ingest)).filter(({ day }) => days.includes(day));
    expect(made.map(({ stream, table, day }) => `${stream} ${table} ${day}`)).toEqual(
      days
        .toSorted()
        .flatMap((day) =>
          ['telemetry_meter', 'telemetry_meter_history', 'telemetry_realtime', 'telemetry_realtime_history'].map(
            (table) => `plant-telemetry ${table} ${day}`,
          ),
        ),
    );
  });

  test('hold a UTC day: its first microsecond and its last', async () => {
    const day = dayFromNow(-15);
    await ensurePartitions(ingest, 'plant-telemetry', [day]);
    const ends = [at(`${day}T00:00:00Z`), at(`${day}T23:59:59.999999Z`)];
    const samples = ends.map((measuredAt) => newSample({ orgId, plantId, measuredAt }));
    expect(await store(samples)).toEqual(['stored', 'stored']);
    const next = newSample({ orgId, plantId, measuredAt: at(`${dayFromNow(-14)}T00:00:00Z`) });
    await expect(store([next])).rejects.toMatchObject({ code: '23514' });
  });

  test('can be made while a transaction reads and writes the stream', async () => {
    const day = dayFromNow(-25);
    await ingest.transaction([orgId], async (trx) => {
      await keepSamples(trx, [newSample({ orgId, plantId })]);
      await read.read([orgId], async (other) => {
        await other.query(query('select count(*) from app.telemetry_realtime'));
        await ensurePartitions(ingest, 'plant-telemetry', [day]);
      });
    });
    expect((await listPartitions(ingest)).map((partition) => partition.day)).toContain(day);
  });

  test.each([
    ['older than the retention', -430],
    ['further ahead than partitions are made', 9],
  ])('are refused for a day %s', async (_case, days) => {
    const error = await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(days)]).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: '22023' });
  });

  test('are made for days of the whole window', async () => {
    await expect(
      ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(-380), dayFromNow(7)]),
    ).resolves.toBeUndefined();
  });

  test('are refused for a stream that has none, and to a role that only reads', async () => {
    await expect(ensurePartitions(ingest, 'dispatch', [dayFromNow(0)])).rejects.toMatchObject({ code: '22023' });
    await expect(ensurePartitions(read, 'plant-telemetry', [dayFromNow(0)])).rejects.toMatchObject({ code: '42501' });
  });

  test('know the window that the stream is configured with', async () => {
    const [window] = await readStreamWindows(ingest);
    expect(window).toMatchObject({ stream: 'plant-telemetry', futureToleranceSeconds: 300 });
    expect(window?.retentionSeconds).toBe(396 * 86_400);
  });
});
