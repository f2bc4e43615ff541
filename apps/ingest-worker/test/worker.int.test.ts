import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXCHANGES, MAX_MESSAGE_BYTES, fleetTelemetryKey, partnerTelemetryKey } from '@quarterhour/contracts';
import { readStreamWindows } from '@quarterhour/db';
import { FUTURE_TOLERANCE_SECONDS, TELEMETRY_RETENTION_DAYS } from '@quarterhour/ingestion';
import {
  aDispatch,
  aMeterEnvelope,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  eventually,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

let house: WorkerHouse;
let worker: StartedProcess;
let settledBefore = 0;

beforeAll(async () => {
  house = await aWorkerHouse();
  worker = await house.startWorker();
}, 60_000);

afterAll(() => house.close());

/** Publishes at once, so that what belongs together meets in one batch, and waits until all of it is settled. */
async function publishAll(...publications: Promise<void>[]): Promise<void> {
  await Promise.all(publications);
  settledBefore += publications.length;
  await house.settled(settledBefore);
}

const dispatch = (different = {}) => aDispatch({ asset_id: house.asset, ...different });
const sample = (different = {}) => aRealtimeEnvelope({ siteId: house.plant.id, timestamp: anInstant(), ...different });
const reading = (different = {}) => aMeterEnvelope({ siteId: house.plant.id, ...different });

let instants = 0;
/** A new instant for each call, within the last hours. */
function anInstant(): string {
  instants += 1;
  return new Date(Date.now() - 3_600_000 + instants * 250).toISOString();
}

const quarantined = (text: string, ...values: unknown[]) =>
  house.rows<{ reason: string; path: string | null; body: Buffer; copies: number; org_id: string }>(
    `select reason, path, body, copies, org_id from app.quarantine where ${text}`,
    ...values,
  );

describe('the worker', () => {
  test('keeps a dispatch command with its receipt', async () => {
    const message = dispatch({ target_power: { amount: '-7.250', unit: 'MW' } });
    await publishAll(house.publishDispatch(message));
    const [row] = await house.rows(
      `select org_id, asset_id, target_power_mw::text, delivery_day::text from app.dispatch where event_id = $1`,
      message.event_id,
    );
    expect(row).toMatchObject({ org_id: house.organisation.id, asset_id: house.asset, target_power_mw: '-7.25' });
    const [receipt] = await house.rows<{ body: Buffer; copies: number; outcome: string }>(
      'select body, copies, outcome from app.receipt where message_id = $1',
      message.event_id,
    );
    expect(receipt).toMatchObject({ copies: 1, outcome: 'stored' });
    expect(JSON.parse(String(receipt?.body))).toEqual(message);
  });

  test('keeps a realtime sample and a meter reading of a partner', async () => {
    const one = sample();
    const other = reading();
    await publishAll(house.publishTelemetry('realtime', one), house.publishTelemetry('meter', other));
    expect(
      await house.rows('select battery_kw, pv_kw from app.telemetry_realtime where message_id = $1', one.messageId),
    ).toEqual([{ battery_kw: -20, pv_kw: 30 }]);
    const registers = await house.rows(
      'select register, value_kwh from app.telemetry_meter where message_id = $1 order by 1',
      other.messageId,
    );
    expect(registers).toEqual([
      { register: 'export', value_kwh: 67.25 },
      { register: 'import', value_kwh: 1234.5 },
    ]);
  });

  test('counts copies of a message, in one batch and later, and stores it once', async () => {
    const before = await house.counts();
    const command = dispatch();
    const measured = sample();
    await publishAll(
      house.publishDispatch(command),
      house.publishDispatch(command),
      house.publishTelemetry('realtime', measured),
      house.publishTelemetry('realtime', measured),
    );
    await publishAll(house.publishDispatch(command), house.publishTelemetry('realtime', measured));
    const after = await house.counts();
    for (const stream of ['dispatch', 'plant-telemetry']) {
      expect((after[`${stream} stored`] ?? 0) - (before[`${stream} stored`] ?? 0)).toBe(1);
      expect((after[`${stream} duplicate`] ?? 0) - (before[`${stream} duplicate`] ?? 0)).toBe(2);
    }
    expect(await house.rows('select copies from app.receipt where message_id = $1', command.event_id)).toEqual([
      { copies: 3 },
    ]);
  });

  test('lets the first message of an event id stand and sets another content aside as a conflict', async () => {
    const first = dispatch();
    await publishAll(house.publishDispatch(first));
    const other = { ...first, target_power: { amount: '11', unit: 'MW' } };
    await publishAll(house.publishDispatch(other), house.publishDispatch(dispatch()));
    expect(
      await house.rows('select target_power_mw::text as mw from app.dispatch where event_id = $1', first.event_id),
    ).toEqual([{ mw: '10' }]);
    const [aside] = await quarantined(
      `reason = 'conflict' and position(convert_to($1, 'UTF8') in body) > 0`,
      first.event_id,
    );
    expect(JSON.parse(String(aside?.body))).toEqual(other);
  });

  test('revises a sample, keeps the version before, and takes a late copy of that for the copy it is', async () => {
    const first = sample();
    const other = sample({ timestamp: first.timestamp, payload: { socPercent: 51 } });
    await publishAll(house.publishTelemetry('realtime', first));
    const before = await house.counts();
    await publishAll(house.publishTelemetry('realtime', other));
    await publishAll(house.publishTelemetry('realtime', first));
    const after = await house.counts();
    expect((after['plant-telemetry revised'] ?? 0) - (before['plant-telemetry revised'] ?? 0)).toBe(1);
    expect((after['plant-telemetry duplicate'] ?? 0) - (before['plant-telemetry duplicate'] ?? 0)).toBe(1);
    const versions = (table: string) =>
      house.rows(`select message_id, soc_percent from app.${table} where measured_at = $1`, first.timestamp);
    expect(await versions('telemetry_realtime')).toEqual([{ message_id: other.messageId, soc_percent: 51 }]);
    expect(await versions('telemetry_realtime_history')).toEqual([{ message_id: first.messageId, soc_percent: 50 }]);
  });

  test('takes a meter message whole: what it corrects and what it adds', async () => {
    const readingAt = anInstant();
    const one = reading({ payload: { readingAt, meters: [{ deviceId: 'A', importRegisterKwh: 1 }] } });
    const partly = reading({
      payload: {
        readingAt,
        meters: [
          { deviceId: 'A', importRegisterKwh: 2 },
          { deviceId: 'B', importRegisterKwh: 5 },
        ],
      },
    });
    await publishAll(house.publishTelemetry('meter', one));
    const before = await house.counts();
    await publishAll(house.publishTelemetry('meter', partly));
    const after = await house.counts();
    expect((after['plant-telemetry revised'] ?? 0) - (before['plant-telemetry revised'] ?? 0)).toBe(1);
    const rows = await house.rows(
      'select device_id, value_kwh from app.telemetry_meter where read_at = $1 order by 1',
      readingAt,
    );
    expect(rows).toEqual([
      { device_id: 'A', value_kwh: 2 },
      { device_id: 'B', value_kwh: 5 },
    ]);
    expect(await house.rows('select value_kwh from app.telemetry_meter_history where read_at = $1', readingAt)).toEqual(
      [{ value_kwh: 1 }],
    );
  });

  test('sets bad messages aside with their bytes and stores their neighbours in the batch', async () => {
    const good = [sample(), sample(), sample()];
    const notJson = Buffer.from([0x7b, 0xff, 0x00]);
    await publishAll(
      house.publishTelemetry('realtime', good[0]!),
      house.publishTelemetry('realtime', notJson),
      house.publishTelemetry('realtime', good[1]!),
      house.publishTelemetry('realtime', sample({ payload: { socPercent: 101 } })),
      house.publishTelemetry('realtime', sample({ siteId: 'nobody-knows' })),
      house.publishTelemetry('realtime', good[2]!),
    );
    const stored = await house.rows(
      'select 1 from app.telemetry_realtime where message_id = any($1)',
      good.map(({ messageId }) => messageId),
    );
    expect(stored).toHaveLength(3);
    expect(await quarantined(`reason = 'charset' and body = $1`, notJson)).toMatchObject([
      { org_id: house.organisation.id },
    ]);
    expect(await quarantined(`path = 'payload.socPercent'`)).toMatchObject([{ reason: 'implausible' }]);
    expect(await quarantined(`reason = 'unknown_plant' and org_id = $1`, house.organisation.id)).toHaveLength(1);
  });

  test('finds the one message that the database refuses and stores its neighbours', async () => {
    await house.admin.transaction([], (trx) =>
      trx.query({ text: `alter table app.telemetry_realtime add check (operating_mode <> 'REFUSED')`, values: [] }),
    );
    const good = Array.from({ length: 20 }, () => sample());
    const refused = sample({ payload: { currentOperatingMode: 'REFUSED' } });
    await publishAll(
      ...good.slice(0, 7).map((one) => house.publishTelemetry('realtime', one)),
      house.publishTelemetry('realtime', refused),
      ...good.slice(7).map((one) => house.publishTelemetry('realtime', one)),
    );
    const stored = await house.rows(
      'select 1 from app.telemetry_realtime where message_id = any($1)',
      good.map(({ messageId }) => messageId),
    );
    expect(stored).toHaveLength(20);
    expect(await quarantined(`position(convert_to($1, 'UTF8') in body) > 0`, refused.messageId)).toMatchObject([
      { reason: 'implausible' },
    ]);
  });

  test('keeps a body that is too long for its stream; the broker refuses one that is far too long', async () => {
    const tooLong = Buffer.alloc(300_000, ' ');
    await publishAll(house.publishDispatch(tooLong));
    expect(await quarantined(`reason = 'size' and body = $1`, tooLong)).toHaveLength(1);
    await expect(house.publishDispatch(Buffer.alloc(MAX_MESSAGE_BYTES + 1, ' '))).rejects.toThrow(
      /confirm|closed|large/i,
    );
  });

  test('keeps the same bad message once, with the number of its copies', async () => {
    const bad = `{"again":"${randomUUID()}"`;
    await publishAll(house.publishTelemetry('realtime', bad), house.publishTelemetry('realtime', bad));
    await publishAll(house.publishTelemetry('realtime', bad));
    expect(await quarantined('body = $1', Buffer.from(bad))).toMatchObject([{ copies: 3, reason: 'syntax' }]);
  });

  test('takes what a partner and an asset send that were registered a moment ago', async () => {
    const newcomer = await anOrganisation(house.admin);
    const plant = await aPlant(house.admin, newcomer);
    const asset = await anAsset(house.admin, newcomer, { code: 'NEW' });
    const command = dispatch({ asset_id: asset });
    await publishAll(house.publishDispatch(command));
    expect(await house.rows('select org_id from app.dispatch where event_id = $1', command.event_id)).toEqual([
      { org_id: newcomer.id },
    ]);
    const measured = sample({ siteId: plant.id });
    await eventually(() =>
      house.publisher.publish({
        exchange: EXCHANGES.vcp,
        routingKey: partnerTelemetryKey(newcomer.queuePrefix ?? '', 'realtime', plant.id),
        body: Buffer.from(JSON.stringify(measured)),
      }),
    );
    settledBefore += 1;
    await house.settled(settledBefore);
    expect(
      await house.rows('select org_id from app.telemetry_realtime where message_id = $1', measured.messageId),
    ).toEqual([{ org_id: newcomer.id }]);
  });

  test('goes on when its database sessions are ended and when its broker connections are closed', async () => {
    const samples = Array.from({ length: 300 }, () => sample());
    const publishing = samples.map(async (one, index) => {
      if (index === 100)
        await house.rows(
          `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'quarterhour_ingest' and datname = current_database()`,
        );
      if (index === 200) {
        const connections = await house.vhost.api.listConnections(house.vhost.name);
        const ours = connections.filter(({ clientName }) => clientName?.startsWith('ingest-worker') === true);
        for (const { name } of ours) await house.vhost.api.closeConnection(name, 'test');
      }
      await house.publishTelemetry('realtime', one);
    });
    await Promise.all(publishing);
    await eventually(
      async () => {
        const stored = await house.rows(
          'select 1 from app.telemetry_realtime where message_id = any($1)',
          samples.map(({ messageId }) => messageId),
        );
        expect(stored).toHaveLength(300);
      },
      { withinMs: 20_000 },
    );
    const [counted] = await house.rows<{ n: string }>('select sum(n)::text as n from app.ingest_minute');
    settledBefore = Number(counted?.n);
  });

  test('says that it is ready, and shows what it counts', async () => {
    const line = worker.stdout.find((one) => one.includes('taking deliveries')) ?? '';
    const { health }: { health: string } = JSON.parse(line);
    const ready = await fetch(new URL('/readyz', health));
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { checks: { database: { ok: true }, broker: { ok: true } } },
    ]);
    expect(await (await fetch(new URL('/metrics', health))).text()).toMatch(
      /quarterhour_ingest_deliveries_total\{stream="plant-telemetry",outcome="stored"\} [1-9]/,
    );
  });

  test('is not ready while a batch does not get through, although the database answers', async () => {
    const line = worker.stdout.find((one) => one.includes('taking deliveries')) ?? '';
    const { health }: { health: string } = JSON.parse(line);
    const ready = async () => (await fetch(new URL('/readyz', health))).status;
    await house.admin.transaction([], async (trx) => {
      await trx.query({ text: 'lock table app.dispatch in access exclusive mode', values: [] });
      await house.publishDispatch(dispatch());
      await eventually(async () => expect(await ready()).toBe(503), { withinMs: 10_000 });
    });
    settledBefore += 1;
    await house.settled(settledBefore);
    expect(await ready()).toBe(200);
  });

  test('acknowledges on every queue that a batch came from', async () => {
    const redelivered = async () =>
      (await house.rows('select coalesce(sum(n), 0)::int as n from app.ingest_minute where redelivered'))[0];
    const throughBothQueues = () => [
      house.publishTelemetry('realtime', sample()),
      house.publisher.publish({
        exchange: EXCHANGES.fleet,
        routingKey: fleetTelemetryKey('realtime', house.plant.id),
        body: Buffer.from(JSON.stringify(sample())),
      }),
    ];
    await house.admin.transaction([], async (trx) => {
      await trx.query({ text: 'lock table app.telemetry_realtime in access exclusive mode', values: [] });
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(throughBothQueues());
        settledBefore += 2;
      }
    });
    await house.settled(settledBefore);
    const before = await redelivered();
    await worker.kill('SIGTERM');
    worker = await house.startWorker();
    await publishAll(...throughBothQueues());
    expect(await redelivered()).toEqual(before);
  });

  test('refuses telemetry at the age at which its partitions go', async () => {
    const [window] = await readStreamWindows(house.admin);
    expect(window).toMatchObject({
      retentionSeconds: TELEMETRY_RETENTION_DAYS * 86_400,
      futureToleranceSeconds: FUTURE_TOLERANCE_SECONDS,
    });
  });

  test('finishes what it has in hand on SIGTERM, gives back the rest, and ends with status 0', async () => {
    const samples = Array.from({ length: 3_000 }, () => sample());
    const publishing = Promise.all(samples.map((one) => house.publishTelemetry('realtime', one)));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await publishing;
    worker = await house.startWorker();
    await eventually(
      async () => {
        const [stored] = await house.rows<{ n: string }>(
          'select count(*)::text as n from app.telemetry_realtime where message_id = any($1)',
          samples.map(({ messageId }) => messageId),
        );
        expect(stored?.n).toBe('3000');
      },
      { withinMs: 20_000 },
    );
    const redelivered = await house.rows(
      `select 1 from app.ingest_minute where outcome = 'duplicate' and redelivered and stream = 'plant-telemetry' and minute > now() - interval '1 minute'`,
    );
    expect(redelivered.length).toBeLessThanOrEqual(1);
  }, 60_000);
});
