import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXCHANGES, INGEST_POLICY, QUEUES, partnerTelemetryQueue } from '@quarterhour/contracts';
import { getQuarantined, loadRegister, NO_ORGANISATION, openDatabase, type Database } from '@quarterhour/db';
import { Register, replayDeliveries } from '@quarterhour/ingestion';
import { aDispatch, anAsset, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

let house: WorkerHouse;
let control: Database;

beforeAll(async () => {
  house = await aWorkerHouse();
  control = openDatabase({ url: house.database.controlUrl, applicationName: 'test', maxConnections: 2 });
  const worker = await house.startWorker();
  await worker.kill();
  const definition = { ...INGEST_POLICY.definition, 'delivery-limit': 1 };
  await house.vhost.api.putPolicy(house.vhost.name, { ...INGEST_POLICY, name: 'impatient', priority: 2, definition });
}, 60_000);

afterAll(async () => {
  await control.close();
  await house.close();
});

/** Takes a message from its queue and gives it back, as often as it is there: what a worker does that dies of it. */
async function wearOut(queue: string): Promise<void> {
  const api = new URL(house.vhost.apiUrl);
  const credentials = Buffer.from(`${decodeURIComponent(api.username)}:${decodeURIComponent(api.password)}`);
  const route = `api/queues/${encodeURIComponent(house.vhost.name)}/${encodeURIComponent(queue)}/get`;
  await eventually(async () => {
    const answer = await fetch(new URL(route, `${api.protocol}//${api.host}/`), {
      method: 'POST',
      headers: { authorization: `Basic ${credentials.toString('base64')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ count: 10, ackmode: 'reject_requeue_true', encoding: 'auto' }),
    });
    expect(await answer.json()).toEqual([]);
  });
}

interface Aside {
  readonly id: string;
  readonly stream: string;
  readonly org_id: string;
  readonly reason: string;
  readonly exchange: string;
  readonly queue: string;
  readonly body: Buffer;
}

test('what the broker gave up on is set aside unread, for the stream and organisation it was meant for, and can be replayed', async () => {
  const command = aDispatch({ asset_id: house.asset });
  const sample = aRealtimeEnvelope({ siteId: house.plant.id });
  const unreadable = '{"kills":';
  await house.publishDispatch(command);
  await house.publishTelemetry('realtime', sample);
  await house.publisher.publish({
    exchange: EXCHANGES.dispatch,
    routingKey: 'dispatch.DE_50HZ_NOBODY_1',
    body: Buffer.from(unreadable),
  });
  await wearOut(QUEUES.dispatch);
  await wearOut(partnerTelemetryQueue(house.organisation.queuePrefix ?? ''));

  await house.startWorker();
  await house.settled(3);
  const asides = await house.rows<Aside>(
    'select id, stream, org_id, reason, exchange, queue, body from app.quarantine order by stream, org_id desc',
  );
  expect(asides).toMatchObject([
    { stream: 'dispatch', org_id: house.organisation.id, reason: 'delivery_limit', queue: QUEUES.dispatch },
    { stream: 'dispatch', org_id: NO_ORGANISATION, reason: 'delivery_limit', exchange: EXCHANGES.dispatch },
    { stream: 'plant-telemetry', org_id: house.organisation.id, reason: 'delivery_limit', exchange: EXCHANGES.vcp },
  ]);
  expect(JSON.parse(String(asides[0]?.body))).toEqual(command);
  expect(String(asides[1]?.body)).toBe(unreadable);
  expect(await house.counts()).toEqual({ 'dispatch quarantined': 2, 'plant-telemetry quarantined': 1 });
  expect(await house.rows('select 1 from app.dispatch')).toEqual([]);

  const ctx = {
    db: control,
    register: new Register(await loadRegister(house.admin)),
    nowMillis: Date.now(),
    organisations: [house.organisation.id, NO_ORGANISATION],
    by: 'operator',
  };
  const results = await replayDeliveries(
    ctx,
    asides.map(({ id }) => id),
  );
  expect(new Set(results.map((one) => ('outcome' in one ? one.outcome : one.result)))).toEqual(
    new Set(['stored', 'still-quarantined']),
  );
  expect(await house.rows('select event_id from app.dispatch')).toEqual([{ event_id: command.event_id }]);
  expect(await house.rows('select message_id from app.telemetry_realtime')).toEqual([{ message_id: sample.messageId }]);
  const kept = await control.read([NO_ORGANISATION], (trx) => getQuarantined(trx, asides[1]?.id ?? ''));
  expect(kept).toMatchObject({ state: 'open', attempts: 1, lastAttempt: { reason: 'syntax' } });
}, 60_000);

test('what came again after it was given up on is taken as ever, and its replay is a copy', async () => {
  const asset = await anAsset(house.admin, house.organisation, { code: 'TWICE' });
  const command = aDispatch({ asset_id: asset });
  const before = await house.rows('select 1 from app.dispatch');
  await house.publishDispatch(command);
  await eventually(async () => expect(await house.rows('select 1 from app.dispatch')).toHaveLength(before.length + 1));
  await house.publisher.publish({
    exchange: EXCHANGES.dead,
    routingKey: `dispatch.${asset}`,
    body: Buffer.from(JSON.stringify(command)),
    headers: { 'x-death': [{ exchange: EXCHANGES.dispatch, queue: QUEUES.dispatch, reason: 'delivery_limit' }] },
  });
  const [aside] = await eventually(async () => {
    const found = await house.rows<{ id: string }>(
      'select id from app.quarantine where routing_key = $1',
      `dispatch.${asset}`,
    );
    expect(found).toHaveLength(1);
    return found;
  });
  const ctx = {
    db: control,
    register: new Register(await loadRegister(house.admin)),
    nowMillis: Date.now(),
    organisations: [house.organisation.id],
    by: 'operator',
  };
  expect(await replayDeliveries(ctx, [aside?.id ?? ''])).toMatchObject([{ result: 'replayed', outcome: 'duplicate' }]);
});
