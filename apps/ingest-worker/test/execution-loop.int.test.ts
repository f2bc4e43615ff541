import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EXCHANGES, outboundQueue, plantAnswerKey, vcpExecutionEvent, type PlantCommand } from '@quarterhour/contracts';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { anApiKey, aPlantGateway, eventually, type PlantGateway, type StartedProcess } from '@quarterhour/testkit';
import { aKeyVhost, type KeyVhost } from './key-vhost.js';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };
const log = createLogger({ name: 'test', level: 'fatal' });

let house: WorkerHouse;
let keyId: string;
let partner: KeyVhost;
let broker: Broker;
let worker: StartedProcess;
/** What the partner heard, in order. */
let heard: { commandMessageId: string; status: string; reason?: string | undefined }[];
/** What the gateway was told, in order, copies included. */
let told: PlantCommand[];
let gateway: PlantGateway;

beforeAll(async () => {
  house = await aWorkerHouse();
  keyId = await anApiKey(house.admin, house.organisation);
  const prefix = house.organisation.queuePrefix ?? '';
  partner = await aKeyVhost(house.vhost.api, keyId, prefix);
  await partner.broker.consume({
    queue: outboundQueue(prefix, 'execution').name,
    prefetch: 100,
    onDelivery: (delivery, consumer) => {
      const { payload } = vcpExecutionEvent.parse(JSON.parse(delivery.body.toString()));
      heard.push(payload);
      consumer.ack([delivery]);
    },
  });
  broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'a gateway', log });
  worker = await house.startWorker();
}, 60_000);

beforeEach(async () => {
  heard = [];
  told = [];
  gateway = await aPlantGateway(broker, [house.plant.id], (command) => told.push(command));
});

afterEach(() => gateway.close());

afterAll(async () => {
  await broker.close();
  await partner.drop();
  await house.close();
});

const TAKE = `
  insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, payload, status, ack_status,
    created_at, key_id, source, published_at, received_at, content_sha256, is_first, priority, next_step_at)
  select $1::uuid, $2::uuid, $3::uuid, $3::text, 'SITE_SETPOINT', 'x', $2::text, $4::jsonb, 'PENDING', 'ACK', now, $5::uuid,
    'test', now, now, sha256($2::text::bytea), true, 'NORMAL', now
  from (select clock_timestamp() as now) c`;

/** A set-point that was taken from the partner. @returns its id, and that of its message */
async function take(targetValueKw: number): Promise<string> {
  const id = randomUUID();
  const payload = {
    type: 'POWER',
    targetValueKw,
    direction: 'EXPORT',
    includeConsumption: true,
    priority: 'NORMAL',
    validFrom: systemClock.nowInstantText(),
  };
  const { id: orgId } = house.organisation;
  const values = [orgId, id, house.plant.id, JSON.stringify(payload), keyId];
  await house.admin.transaction([orgId], (trx) => trx.query({ text: TAKE, values }));
  return id;
}

const finals = (id: string) => heard.filter(({ commandMessageId }) => commandMessageId === id);
const hears = (id: string, expected: object) =>
  eventually(() => expect(finals(id)).toEqual([expect.objectContaining(expected)]), WITHIN);

describe('a command that was taken', () => {
  test('is carried out by the plant, and the partner hears of it in the virtual host of its key', async () => {
    const id = await take(40);
    await hears(id, { status: 'EXECUTED', executedAt: expect.stringMatching(/Z$/) });
    expect(told.map(({ commandId }) => commandId)).toEqual([id]);
    await eventually(
      async () =>
        expect(
          await house.rows(
            `select grid_kw from app.telemetry_realtime where plant_id = $1::uuid and grid_kw > 1`,
            house.plant.id,
          ),
        ).not.toHaveLength(0),
      WITHIN,
    );
  });

  test('that the plant refuses is told with its reason', async () => {
    await hears(await take(101), { status: 'FAILED', reason: 'PLANT_REFUSED: EXPORT is at most 100 kW' });
  });

  test('of one plant come to it in the order in which they were taken', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      ids.push(await take(n));
      if (n % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 300));
    }
    for (const id of ids) {
      await eventually(() => expect(finals(id)).toHaveLength(1), WITHIN);
    }
    const arrived = told.map(({ commandId }) => commandId);
    expect(arrived).toEqual(ids.filter((id) => arrived.includes(id)));
    expect(arrived.at(-1)).toBe(ids.at(-1));
    expect(finals(ids.at(-1) ?? '')).toMatchObject([{ status: 'EXECUTED' }]);
  });

  test('is carried out once when the gateway was told twice, and its answer came three times', async () => {
    const id = await take(50);
    await hears(id, { status: 'EXECUTED' });
    const [command] = told;
    const answer = {
      version: 1,
      commandId: id,
      plantId: house.plant.id,
      outcome: 'EXECUTED',
      executedAt: command?.sentAt,
    };
    for (let copy = 0; copy < 3; copy += 1) {
      await house.publisher.publish({
        exchange: EXCHANGES.fleet,
        routingKey: plantAnswerKey(house.plant.id),
        body: Buffer.from(JSON.stringify(answer)),
      });
    }
    await eventually(
      async () => expect((await house.counts())['command-answer duplicate']).toBeGreaterThanOrEqual(3),
      WITHIN,
    );
    expect(finals(id)).toHaveLength(1);
  });

  test('is FAILED when its plant is away, and is not carried out when the plant comes back', async () => {
    gateway.isOnline = false;
    const id = await take(60);
    await hears(id, { status: 'FAILED', reason: expect.stringMatching(/^(TIMEOUT|PLANT_OFFLINE)$/) });
    gateway.isOnline = true;
    await hears(await take(61), { status: 'EXECUTED' });
    expect(told.map(({ payload }) => payload['targetValueKw'])).toEqual([61]);
  });

  test('goes on where a worker was killed', async () => {
    const before = await take(20);
    await worker.kill('SIGKILL');
    const meanwhile = await take(21);
    worker = await house.startWorker();
    for (const id of [before, meanwhile]) {
      await eventually(() => expect(finals(id).length).toBeGreaterThan(0), WITHIN);
      expect(new Set(finals(id).map(({ status }) => status)).size).toBe(1);
    }
    const health = await fetch(`${healthOf(worker)}/readyz`);
    expect(await health.text()).toContain('"execution"');
  });

  test('goes on with another worker when the one that carries out is killed', async () => {
    const leads = async (one: StartedProcess) =>
      (await (await fetch(`${healthOf(one)}/readyz`)).text()).includes('"executesHere":true');
    await eventually(async () => expect(await leads(worker)).toBe(true), WITHIN);
    const other = await house.startWorker();
    expect(await leads(other)).toBe(false);
    await worker.kill('SIGKILL');
    worker = other;
    await hears(await take(30), { status: 'EXECUTED' });
    expect(await leads(other)).toBe(true);
  });
});
