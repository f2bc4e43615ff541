import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  EXCHANGES,
  INGEST_POLICY,
  PARTNER_POLICIES,
  QUEUES,
  partnerConfigQueue,
  partnerTelemetryQueue,
} from '@quarterhour/contracts';
import { getQuarantined, loadRegister, NO_ORGANISATION, openDatabase, type Database } from '@quarterhour/db';
import { Register, replayDeliveries } from '@quarterhour/ingestion';
import { aDispatch, anApiKey, anAsset, anOrganisation, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { aKeyVhost } from './key-vhost.js';
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
async function wearOut(queue: string, vhost = house.vhost.name): Promise<void> {
  const api = new URL(house.vhost.apiUrl);
  const credentials = Buffer.from(`${decodeURIComponent(api.username)}:${decodeURIComponent(api.password)}`);
  const route = `api/queues/${encodeURIComponent(vhost)}/${encodeURIComponent(queue)}/get`;
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

test("what the broker gave up on in a key's virtual host is set aside for the key's owner, as it was, and nobody else's", async () => {
  const partner = await anOrganisation(house.admin, { tradingState: 'PAUSED' });
  const prefix = partner.queuePrefix ?? '';
  const vhost = await aKeyVhost(house.vhost.api, await anApiKey(house.admin, partner), prefix);
  for (const policy of PARTNER_POLICIES) {
    const definition = { ...policy.definition, 'delivery-limit': 1 };
    await house.vhost.api.putPolicy(vhost.name, { ...policy, definition });
  }
  const sample = aRealtimeEnvelope({ siteId: 'roof' });
  const keys = [
    `${prefix}.telemetry.realtime.roof`,
    `${prefix}.config.topology.roof`,
    `${prefix}.command.mode`,
  ] as const;
  for (const key of keys) await vhost.publish(key, sample, { messageId: key, headers: { 'x-batch': 'seven' } });
  const queues = [partnerTelemetryQueue(prefix), partnerConfigQueue(prefix), `vcp.${prefix}.command`];
  for (const queue of queues) await wearOut(queue, vhost.name);
  const asides = await eventually(
    async () => {
      const rows = await house.rows<{ body: Buffer }>(
        `select stream, org_id, reason, replayable, exchange, queue, routing_key, message_id, body,
           properties -> 'headers' ->> 'x-batch' as batch, properties -> 'headers' -> 'x-death' is not null as "saysWhy"
         from app.quarantine where reason = 'delivery_limit' and routing_key = any ($1) order by stream desc`,
        keys,
      );
      expect(rows).toHaveLength(keys.length);
      return rows;
    },
    { withinMs: 20_000 },
  );
  const kept = { org_id: partner.id, exchange: EXCHANGES.vcp, batch: 'seven', saysWhy: true, replayable: true };
  expect(asides).toMatchObject([
    { ...kept, stream: 'trading-config', queue: queues[1], routing_key: keys[1], message_id: keys[1] },
    { ...kept, stream: 'plant-telemetry', queue: queues[0], routing_key: keys[0], message_id: keys[0] },
    {
      ...kept,
      stream: 'partner-command',
      replayable: false,
      queue: queues[2],
      routing_key: keys[2],
      message_id: keys[2],
    },
  ]);
  for (const { body } of asides) expect(JSON.parse(String(body))).toEqual(sample);
  await eventually(async () =>
    expect(await vhost.broker.depthOf(QUEUES.dead)).toMatchObject({ ready: 0, consumers: 1 }),
  );
  await vhost.drop();
}, 60_000);
