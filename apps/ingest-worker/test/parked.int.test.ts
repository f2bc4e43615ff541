import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXCHANGES, dispatchKey, partnerTelemetryKey } from '@quarterhour/contracts';
import { ensurePartitions, loadRegister, openDatabase, type Database } from '@quarterhour/db';
import { Register, dispatchStream, plantTelemetryStream, type Delivery, type Stream } from '@quarterhour/ingestion';
import { createLogger, systemClock, type Clock } from '@quarterhour/runtime';
import {
  aDispatch,
  aMeterEnvelope,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  eventually,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';
import { Alarm } from '../src/alarm.js';
import { takeInParked } from '../src/parked.js';
import { Partitions } from '../src/partitions.js';
import { storeBatch } from '../src/store-batch.js';
import { aWorkerHouse } from './worker-house.js';

const log = createLogger({ name: 'test', level: 'fatal' });
const stopping = new AbortController().signal;

let server: TestDatabase;
let pools: readonly Database[];
let batchNo = 0;
let second = 0;

/** A second later at each look, so that what came first can be told. */
const clock: Clock = { ...systemClock, nowMillis: () => Date.now() - 3_600_000 + (second += 1) * 1_000 };

beforeAll(async () => {
  server = await testDatabase();
  pools = [1, 2].map(() => openDatabase({ url: server.ingestUrl, applicationName: 'test', maxConnections: 2 }));
  await ensurePartitions(
    server.admin,
    'plant-telemetry',
    [-1, 0].map((days) => dayFromNow(days)),
  );
});

afterAll(async () => {
  for (const pool of pools) await pool.close();
  await server.drop();
});

function dayFromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

const currentRegister = async () => new Register(await loadRegister(server.admin));

/** What a worker does with deliveries that come while it knows this register. */
async function arrive<Fact>(stream: Stream<Fact>, deliveries: readonly Delivery[], register: Register) {
  const db = pools[0]!;
  const ctx = {
    db,
    log,
    clock,
    stopping,
    partitions: new Partitions(db, systemClock),
    worker: 'worker-1',
    nextBatchNo: () => (batchNo += 1),
    alarm: new Alarm(systemClock, log, stream.name),
  };
  const nowMillis = systemClock.nowMillis();
  return storeBatch(
    ctx,
    stream,
    deliveries.map((one) => stream.receive(one, { register, nowMillis })),
  );
}

const takeIn = async (db = pools[0]!, worker = 'worker-1') =>
  takeInParked({ db, log, clock: systemClock, register: { current: await currentRegister() }, worker, stopping });

function delivery(exchange: string, routingKey: string, message: object): Delivery {
  const body = Buffer.from(JSON.stringify(message));
  return { body, exchange, routingKey, queue: 'q', redelivered: false, properties: { headers: {} } };
}

const command = (assetId: string, different: object = {}) =>
  delivery(EXCHANGES.dispatch, dispatchKey(assetId), { ...aDispatch({ asset_id: assetId }), ...different });
const telemetry = (prefix: string, kind: 'realtime' | 'meter', siteId: string, message: object) =>
  delivery(EXCHANGES.vcp, partnerTelemetryKey(prefix, kind, siteId), { ...message, siteId });

const rows = <R extends object>(text: string, ...values: unknown[]) =>
  server.admin.read([], (trx) => trx.query<R>({ text, values }));
const parked = (waitsFor: string) =>
  rows<{ org_id: string; reason: string; state: string; attempts: number; attempt_detail: string | null }>(
    'select org_id, reason, state, attempts, attempt_detail from app.quarantine where waits_for = $1',
    waitsFor,
  );

describe('what came before its owner was registered', () => {
  test('is taken in when the asset is, a thousand of them once each, in the order in which they came, by two workers at once', async () => {
    const before = await currentRegister();
    for (let batch = 0; batch < 5; batch += 1) {
      const commands = Array.from({ length: 200 }, () => command('DE_50HZ_PARKED_1'));
      expect(new Set(await arrive(dispatchStream, commands, before))).toEqual(new Set(['quarantined']));
    }
    await anAsset(server.admin, await anOrganisation(server.admin), { code: 'PARKED' });
    await Promise.all(pools.flatMap((pool, index) => [takeIn(pool, `worker-${index}`), takeIn(pool, `job-${index}`)]));
    await eventually(async () => {
      await takeIn();
      expect(await rows(`select 1 from app.dispatch where asset_id = 'DE_50HZ_PARKED_1'`)).toHaveLength(1_000);
    });

    const taken = await rows<{ first_seen: string; received_at: string; attempts: number; state: string }>(
      `select q.first_seen::text, d.received_at::text, q.attempts, q.state
         from app.dispatch d join app.quarantine q on q.message_id = d.event_id::text
        where d.asset_id = 'DE_50HZ_PARKED_1' order by d.received_at, q.first_seen`,
    );
    expect(taken).toHaveLength(1_000);
    expect(new Set(taken.map(({ attempts, state }) => `${state} ${attempts}`))).toEqual(new Set(['replayed 1']));
    const seen = taken.map(({ first_seen: firstSeen }) => firstSeen);
    expect(seen).toEqual(seen.toSorted());
    expect(
      await rows(`select 1 from app.receipt r join app.dispatch d on d.event_id::text = r.message_id
      where d.asset_id = 'DE_50HZ_PARKED_1' and r.copies = 1`),
    ).toHaveLength(1_000);
  });

  test('waits for the prefix, then for the plant by the id that its partner knows', async () => {
    const message = aRealtimeEnvelope();
    await arrive(plantTelemetryStream, [telemetry('newcomer', 'realtime', 'roof-1', message)], await currentRegister());
    expect(await parked('prefix newcomer')).toHaveLength(1);
    const owner = await anOrganisation(server.admin, { slug: 'newcomer', queuePrefix: 'newcomer' });
    await takeIn();
    expect(await parked('prefix newcomer')).toEqual([]);
    expect(await parked(`site ${owner.id} roof-1`)).toMatchObject([{ state: 'open', attempts: 1 }]);

    const plant = await aPlant(server.admin, owner, { externalPlantId: 'roof-1' });
    await takeIn();
    const stored = await rows('select plant_id from app.telemetry_realtime where message_id = $1', message.messageId);
    expect(stored).toEqual([{ plant_id: plant.id }]);
    expect(await parked(`site ${owner.id} roof-1`)).toMatchObject([{ state: 'replayed', attempts: 2 }]);
  });

  test('is not current where something published later was stored meanwhile', async () => {
    const owner = await anOrganisation(server.admin);
    const prefix = owner.queuePrefix ?? '';
    const readingAt = new Date(Date.now() - 600_000).toISOString();
    const readings = [1, 2].map((second) =>
      aMeterEnvelope({
        timestamp: new Date(Date.now() - 500_000 + second * 1_000).toISOString(),
        payload: { readingAt, meters: [{ deviceId: 'G', importRegisterKwh: second }] },
      }),
    );
    const samples = [1, 2].map((gridPowerKw) => aRealtimeEnvelope({ timestamp: readingAt, payload: { gridPowerKw } }));
    const offer = async (index: number) =>
      arrive(
        plantTelemetryStream,
        [telemetry(prefix, 'meter', 'p-1', readings[index]!), telemetry(prefix, 'realtime', 'p-1', samples[index]!)],
        await currentRegister(),
      );
    expect(await offer(0)).toEqual(['quarantined', 'quarantined']);
    await aPlant(server.admin, owner, { externalPlantId: 'p-1' });
    expect(await offer(1)).toEqual(['stored', 'stored']);
    await takeIn();

    const messages = (table: string) =>
      rows<{ message_id: string }>(`select message_id from app.${table} where org_id = $1`, owner.id);
    expect(await messages('telemetry_meter')).toEqual([{ message_id: readings[1]?.messageId }]);
    expect(await messages('telemetry_meter_history')).toEqual([{ message_id: readings[0]?.messageId }]);
    expect(await messages('telemetry_realtime')).toEqual([{ message_id: samples[1]?.messageId }]);
    expect(await messages('telemetry_realtime_history')).toEqual([{ message_id: samples[0]?.messageId }]);
  });

  test('is not forgotten when its owner was registered between the look at the register and the commit', async () => {
    const before = await currentRegister();
    await anAsset(server.admin, await anOrganisation(server.admin), { code: 'RACE' });
    await takeIn();
    expect(await arrive(dispatchStream, [command('DE_50HZ_RACE_1')], before)).toEqual(['quarantined']);
    await takeIn();
    expect(await rows(`select 1 from app.dispatch where asset_id = 'DE_50HZ_RACE_1'`)).toHaveLength(1);
  });

  test('is not handed to another organisation that has its prefix by now', async () => {
    const owner = await anOrganisation(server.admin, { slug: 'moving', queuePrefix: 'moving' });
    await arrive(
      plantTelemetryStream,
      [telemetry('moving', 'realtime', 'hall', aRealtimeEnvelope())],
      await currentRegister(),
    );
    const heir = await anOrganisation(server.admin, { slug: 'heir', queuePrefix: null });
    await server.admin.transaction([owner.id, heir.id], async (trx) => {
      const values = [owner.id];
      await trx.query({ text: 'update app.organisation set queue_prefix = null where id = $1', values });
      await trx.query({ text: `update app.organisation set queue_prefix = 'moving' where id = $1`, values: [heir.id] });
    });
    await aPlant(server.admin, heir, { externalPlantId: 'hall' });
    await aPlant(server.admin, owner, { externalPlantId: 'hall' });
    for (let times = 0; times < 3; times += 1) await takeIn();
    expect(await rows('select 1 from app.telemetry_realtime where org_id = any ($1)', [owner.id, heir.id])).toEqual([]);
    const [aside] = await rows<{ state: string; attempt_detail: string }>(
      'select state, attempt_detail from app.quarantine where org_id = $1',
      owner.id,
    );
    expect(aside).toEqual({ state: 'open', attempt_detail: 'its routing key names another organisation by now' });
  });

  test('that cannot be taken in for another reason says so, and holds nobody up', async () => {
    const before = await currentRegister();
    const bad = command('DE_50HZ_MIXED_1', { delivery_period_start: '9999-12-31T23:45:00Z' });
    const good = [command('DE_50HZ_MIXED_1'), command('DE_50HZ_MIXED_1')];
    await arrive(dispatchStream, [good[0]!, bad, good[1]!], before);
    await anAsset(server.admin, await anOrganisation(server.admin), { code: 'MIXED' });
    await takeIn();
    expect(await rows(`select 1 from app.dispatch where asset_id = 'DE_50HZ_MIXED_1'`)).toHaveLength(2);
    const left = await rows(
      `select waits_for, attempt_reason, attempt_path from app.quarantine
        where routing_key = 'dispatch.DE_50HZ_MIXED_1' and state = 'open'`,
    );
    expect(left).toEqual([{ waits_for: null, attempt_reason: 'implausible', attempt_path: 'delivery_period_start' }]);
  });

  test('is taken in by a worker that runs, without anybody asking', async () => {
    const house = await aWorkerHouse();
    try {
      await house.startWorker();
      const message = aDispatch({ asset_id: 'DE_50HZ_LATER_1' });
      await house.publishDispatch(message);
      await house.settled(1);
      expect(await house.rows('select 1 from app.dispatch')).toEqual([]);
      await anAsset(house.admin, house.organisation, { code: 'LATER' });
      await eventually(async () => {
        expect(await house.rows('select event_id from app.dispatch')).toEqual([{ event_id: message.event_id }]);
      });
      expect(await house.rows('select state, replayed_as from app.quarantine')).toEqual([
        { state: 'replayed', replayed_as: 'stored' },
      ]);
    } finally {
      await house.close();
    }
  });
});
