import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect } from 'amqplib';
import {
  EXCHANGES,
  partnerConfigQueue,
  partnerTelemetryKey,
  partnerTelemetryQueue,
  partnerTopology,
  partnerVhost,
} from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { openBroker, type Broker } from '@quarterhour/messaging';
import {
  aConfigEnvelope,
  anApiKey,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  eventually,
  openTcpProxy,
  revokeApiKey,
  setTradingState,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aKeyVhost, type KeyVhost } from './key-vhost.js';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

let house: WorkerHouse;
let broker: Broker;
let worker: StartedProcess;

beforeAll(async () => {
  house = await aWorkerHouse();
  broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'test', log: quiet });
}, 60_000);

afterEach(() => worker.kill());
afterAll(async () => {
  await broker.close();
  await house.close();
});

/** A partner with a plant that nobody else knows. */
interface Partner {
  readonly organisation: OrganisationRow;
  readonly prefix: string;
  readonly plant: PlantRow;
  readonly telemetryQueue: string;
}

async function aPartner(different: Parameters<typeof anOrganisation>[1] = {}): Promise<Partner> {
  const organisation = await anOrganisation(house.admin, different);
  const prefix = organisation.queuePrefix ?? '';
  const plant = await aPlant(house.admin, organisation);
  return { organisation, prefix, plant, telemetryQueue: partnerTelemetryQueue(prefix) };
}

let instants = 0;
const aSample = ({ plant }: Partner) => {
  instants += 1;
  return aRealtimeEnvelope({ siteId: plant.id, timestamp: new Date(Date.now() - 60_000 + instants).toISOString() });
};

/** Publishes in our own virtual host, as partners with older keys do. @returns the sample's message id */
async function publish(partner: Partner): Promise<string> {
  const sample = aSample(partner);
  await house.publisher.publish({
    exchange: EXCHANGES.vcp,
    routingKey: partnerTelemetryKey(partner.prefix, 'realtime', partner.plant.id),
    body: Buffer.from(JSON.stringify(sample)),
  });
  return sample.messageId;
}

/** Publishes in a key's virtual host. @returns the sample's message id */
async function publishIn(vhost: KeyVhost, partner: Partner): Promise<string> {
  const sample = aSample(partner);
  await vhost.publish(partnerTelemetryKey(partner.prefix, 'realtime', partner.plant.id), sample);
  return sample.messageId;
}

/** Message ids of a partner's samples, in the order of their instants. */
async function stored({ organisation }: Partner): Promise<string[]> {
  const rows = await house.rows<{ message_id: string }>(
    'select message_id from app.telemetry_realtime where org_id = $1 order by measured_at',
    organisation.id,
  );
  return rows.map(({ message_id: id }) => id);
}

async function readiness(): Promise<{ status: number; checks: Record<string, { ok: boolean; detail: object }> }> {
  const answer = await fetch(new URL('/readyz', healthOf(worker)));
  const { checks }: { checks: Record<string, { ok: boolean; detail: object }> } = JSON.parse(await answer.text());
  return { status: answer.status, checks };
}

/** Null when there is no such queue. Asked over AMQP: what the HTTP API says is seconds old. */
const consumersOf = async (queue: string, where: Broker = broker) => (await where.depthOf(queue))?.consumers ?? null;

/** What the worker has open towards a virtual host. */
const connectionsTo = async (vhost: string) => {
  const open = await house.vhost.api.listConnections(vhost).catch(() => []);
  return open.filter(({ clientName }) => clientName?.startsWith('ingest-worker') === true);
};

describe('a partner whose queue exists otherwise than it should', () => {
  test('keeps neither the worker from starting nor other partners from being heard, and is heard itself', async () => {
    const odd = await aPartner({ slug: 'a-odd', queuePrefix: 'a-odd' });
    const other = await aPartner();
    await declareClassic(odd.telemetryQueue);
    worker = await house.startWorker();
    await eventually(async () =>
      expect(await readiness()).toMatchObject({
        status: 503,
        checks: {
          partners: { ok: false, detail: { troubles: { 'a-odd': 'TopologyMismatchError' } } },
          'stream-plant-telemetry': { ok: true },
        },
      }),
    );
    const ids = [await publish(other), await publish(odd)];
    await eventually(async () => expect([...(await stored(other)), ...(await stored(odd))]).toEqual(ids));

    await house.vhost.api.deleteQueue(house.vhost.name, odd.telemetryQueue);
    await eventually(async () => expect(await readiness()).toMatchObject({ status: 200 }), WITHIN);
    expect(await house.vhost.api.getQueue(house.vhost.name, odd.telemetryQueue)).toMatchObject({ type: 'quorum' });
    const again = await publish(odd);
    await eventually(async () => expect(await stored(odd)).toEqual([ids[1], again]));
  }, 60_000);

  async function declareClassic(queue: string): Promise<void> {
    const connection = await connect(house.vhost.amqpUrl);
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, EXCHANGES.vcp, 'a-odd.telemetry.#');
    await connection.close();
  }
});

describe("a partner's queues in our virtual host", () => {
  beforeEach(async () => {
    worker = await house.startWorker();
  }, 60_000);

  test('are not there for whoever never enabled trading, and are consumed once it is', async () => {
    const partner = await aPartner({ tradingState: null });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await consumersOf(partner.telemetryQueue)).toBeNull();
    await setTradingState(house.admin, partner.organisation, 'ENABLED');
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(1), WITHIN);
    const id = await publish(partner);
    await eventually(async () => expect(await stored(partner)).toEqual([id]));
  }, 60_000);

  test('keep what comes while trading is paused, in order, and nothing of it counts as delivered in vain', async () => {
    const partner = await aPartner();
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(1), WITHIN);
    const before = await publish(partner);
    await eventually(async () => expect(await stored(partner)).toEqual([before]));
    await setTradingState(house.admin, partner.organisation, 'PAUSED');
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(0), WITHIN);
    const ids: string[] = [];
    for (let n = 0; n < 20; n += 1) ids.push(await publish(partner));
    expect(await stored(partner)).toEqual([before]);
    expect((await readiness()).status).toBe(200);

    await setTradingState(house.admin, partner.organisation, 'ENABLED');
    await eventually(async () => expect(await stored(partner)).toEqual([before, ...ids]), WITHIN);
    const counts = await house.rows(
      `select outcome, redelivered, sum(n)::int as n from app.ingest_minute where org_id = $1 group by 1, 2`,
      partner.organisation.id,
    );
    expect(counts).toEqual([{ outcome: 'stored', redelivered: false, n: 21 }]);
    const times = await house.rows<{ received: string[] }>(
      'select array_agg(message_id order by received_at, measured_at) as received from app.telemetry_realtime where org_id = $1',
      partner.organisation.id,
    );
    expect(times[0]?.received).toEqual([before, ...ids]);
  }, 60_000);

  test('give each message once, however many are under way when trading is paused', async () => {
    const partner = await aPartner();
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(1), WITHIN);
    const published: Promise<string>[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 400; n += 1) published.push(publish(partner));
      await setTradingState(house.admin, partner.organisation, round % 2 === 0 ? 'PAUSED' : 'ENABLED');
      for (let n = 0; n < 3_000; n += 1) {
        published.push(publish(partner));
        if (n % 100 === 0) await Promise.all(published.slice(-100));
      }
    }
    await setTradingState(house.admin, partner.organisation, 'ENABLED');
    const ids = await Promise.all(published);
    await eventually(async () => expect(await stored(partner)).toHaveLength(ids.length), WITHIN);
    const counts = await house.rows(
      `select outcome, sum(n)::int as n from app.ingest_minute where org_id = $1 group by 1`,
      partner.organisation.id,
    );
    expect(counts).toEqual([{ outcome: 'stored', n: ids.length }]);
    expect(await stored(partner)).toEqual(ids);
  }, 90_000);

  test('are emptied while trading drains, and let go of when it is disabled', async () => {
    const partner = await aPartner({ tradingState: 'PAUSED' });
    await broker.declare(partnerTopology(partner.prefix));
    const ids = [await publish(partner), await publish(partner)];
    await setTradingState(house.admin, partner.organisation, 'DRAINING');
    await eventually(async () => expect(await stored(partner)).toEqual(ids), WITHIN);
    await setTradingState(house.admin, partner.organisation, 'DISABLED');
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(0), WITHIN);
    await house.vhost.api.deleteQueue(house.vhost.name, partner.telemetryQueue);
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(await consumersOf(partner.telemetryQueue)).toBeNull();
    const { status, checks } = await readiness();
    expect(status).toBe(200);
    expect(JSON.stringify(checks)).not.toContain(partner.prefix);
  }, 60_000);

  test.each(['ENABLED', 'PAUSED'] as const)(
    'are declared again when somebody deletes one while trading is %s',
    async (state) => {
      const partner = await aPartner({ tradingState: state });
      const queue = partnerConfigQueue(partner.prefix);
      const isDeclared = () =>
        eventually(async () => {
          expect(await consumersOf(queue)).toBe(state === 'ENABLED' ? 1 : 0);
          const { bindings } = await house.vhost.api.exportDefinitions(house.vhost.name);
          expect(bindings).toEqual(expect.arrayContaining([...partnerTopology(partner.prefix).bindings]));
        }, WITHIN);
      // A queue that goes in the instant in which it came costs RabbitMQ 3.10 whatever moves its dead letters.
      await isDeclared();
      await house.vhost.api.deleteQueue(house.vhost.name, queue);
      await isDeclared();
    },
    60_000,
  );

  test('are not declared again while trading drains', async () => {
    const partner = await aPartner({ tradingState: 'DRAINING' });
    await house.vhost.api.declare(house.vhost.name, partnerTopology(partner.prefix));
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue)).toBe(1), WITHIN);
    await house.vhost.api.deleteQueue(house.vhost.name, partner.telemetryQueue);
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    expect(await consumersOf(partner.telemetryQueue)).toBeNull();
    await setTradingState(house.admin, partner.organisation, 'DISABLED');
  }, 60_000);
});

describe('the virtual host of a key', () => {
  const vhosts: KeyVhost[] = [];
  const keys: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    worker = await house.startWorker();
  }, 60_000);

  afterEach(async () => {
    await Promise.all([...vhosts.splice(0).map((vhost) => vhost.drop()), ...keys.splice(0).map((revoke) => revoke())]);
  });

  async function aKey(partner: Partner, different: Parameters<typeof anApiKey>[2] = {}) {
    const keyId = await anApiKey(house.admin, partner.organisation, different);
    const vhost = await aKeyVhost(house.vhost.api, keyId, partner.prefix);
    vhosts.push(vhost);
    keys.push(() => revokeApiKey(house.admin, partner.organisation, keyId));
    return { keyId, vhost };
  }

  test('is consumed, telemetry and config, each key by a pair of connections of its own', async () => {
    const partner = await aPartner();
    const [one, other] = [await aKey(partner), await aKey(partner)];
    const ids = [await publishIn(one.vhost, partner), await publishIn(other.vhost, partner)];
    const config = aConfigEnvelope({ siteId: partner.plant.id });
    await one.vhost.publish(`${partner.prefix}.config.constraints`, config);
    await eventually(async () => expect(await stored(partner)).toEqual(ids), WITHIN);
    await eventually(async () =>
      expect(
        await house.rows('select message_id from app.trading_config_event where org_id = $1', partner.organisation.id),
      ).toEqual([{ message_id: config.messageId }]),
    );
    for (const { vhost } of [one, other]) {
      await eventually(async () => expect(await connectionsTo(vhost.name)).toHaveLength(2), WITHIN);
    }
    await eventually(async () =>
      expect((await readiness()).checks['partners']).toMatchObject({
        ok: true,
        detail: { keys: 2, keysConnected: 2, troubles: {} },
      }),
    );
  }, 60_000);

  test("makes whatever is published there its owner's: another prefix is set aside, never attributed", async () => {
    const [partner, victim] = [await aPartner(), await aPartner()];
    const { vhost } = await aKey(partner);
    const forged = aSample(victim);
    const queue = { exchange: '', routingKey: partner.telemetryQueue };
    await vhost.publish('', forged, queue);
    await vhost.publish('', { nonsense: true }, queue);
    const foreignKey = partnerTelemetryKey(victim.prefix, 'realtime', victim.plant.id);
    await house.vhost.api.declare(vhost.name, {
      exchanges: [],
      queues: [],
      bindings: [{ exchange: EXCHANGES.vcp, queue: partner.telemetryQueue, routingKey: '#' }],
    });
    await vhost.publish(foreignKey, forged);
    const aside = await eventually(async () => {
      const rows = await house.rows(
        `select org_id, reason, routing_key, stream from app.quarantine where org_id = any ($1) order by routing_key, first_seen`,
        [partner.organisation.id, victim.organisation.id],
      );
      expect(rows).toHaveLength(3);
      return rows;
    }, WITHIN);
    const owned = { org_id: partner.organisation.id, reason: 'schema', stream: 'plant-telemetry' };
    expect(aside).toEqual(expect.arrayContaining([{ ...owned, routing_key: foreignKey }]));
    expect(aside.every((row) => JSON.stringify(row).includes(partner.organisation.id))).toBe(true);
    expect(await stored(victim)).toEqual([]);
  }, 60_000);

  test('that is not there yet is shown, stops nobody, and is consumed as soon as it is there', async () => {
    const [late, other] = [await aPartner(), await aPartner()];
    const keyId = await anApiKey(house.admin, late.organisation);
    keys.push(() => revokeApiKey(house.admin, late.organisation, keyId));
    await eventually(async () =>
      expect((await readiness()).checks['partners']).toMatchObject({
        ok: true,
        detail: { troubles: { [partnerVhost(keyId)]: 'BrokerRefusedError' } },
      }),
    );
    const { vhost } = await aKey(other);
    const id = await publishIn(vhost, other);
    await eventually(async () => expect(await stored(other)).toEqual([id]), WITHIN);

    const made = await aKeyVhost(house.vhost.api, keyId, late.prefix);
    vhosts.push(made);
    const first = await publishIn(made, late);
    await eventually(async () => expect(await stored(late)).toEqual([first]), { withinMs: 30_000 });
  }, 90_000);

  test('is let go of when its key is revoked, quietly, although it is gone before we hear of it', async () => {
    const partner = await aPartner();
    const { vhost } = await aKey(partner);
    await publishIn(vhost, partner);
    await eventually(async () => expect(await stored(partner)).toHaveLength(1), WITHIN);
    const linesBefore = worker.stdout.length;
    vhosts.splice(0);
    await vhost.drop();
    for (const revoke of keys.splice(0)) await revoke();
    await eventually(async () => {
      const { status, checks } = await readiness();
      expect(status).toBe(200);
      expect(checks['partners']).toMatchObject({ detail: { keys: 0, keysConnected: 0, troubles: {} } });
      expect(JSON.stringify(checks)).not.toContain(vhost.name);
    }, WITHIN);
    const complaints = worker.stdout.slice(linesBefore).filter((line) => /"level":"(warn|error)"/.test(line));
    expect(complaints.filter((line) => line.includes(vhost.name))).toEqual([]);
  }, 60_000);

  test('is let go of when its key expires, without a word from anybody', async () => {
    const partner = await aPartner();
    const { vhost } = await aKey(partner, { expiresInMs: 6_000 });
    await eventually(async () => expect(await connectionsTo(vhost.name)).toHaveLength(1), WITHIN);
    await eventually(async () => expect(await connectionsTo(vhost.name)).toHaveLength(0), WITHIN);
    expect((await readiness()).status).toBe(200);
  }, 60_000);

  test('stays entered and is not consumed while trading is paused; is left when it is disabled', async () => {
    const partner = await aPartner();
    const { vhost } = await aKey(partner);
    const before = await publishIn(vhost, partner);
    await eventually(async () => expect(await stored(partner)).toEqual([before]), WITHIN);
    await setTradingState(house.admin, partner.organisation, 'PAUSED');
    await eventually(async () => expect(await consumersOf(partner.telemetryQueue, vhost.broker)).toBe(0), WITHIN);
    const ids = [await publishIn(vhost, partner), await publishIn(vhost, partner)];
    expect(await stored(partner)).toEqual([before]);
    await eventually(async () => expect(await connectionsTo(vhost.name)).toHaveLength(2), WITHIN);
    await setTradingState(house.admin, partner.organisation, 'DRAINING');
    await eventually(async () => expect(await stored(partner)).toEqual([before, ...ids]), WITHIN);
    await setTradingState(house.admin, partner.organisation, 'DISABLED');
    await eventually(async () => expect(await connectionsTo(vhost.name)).toHaveLength(0), WITHIN);
  }, 90_000);
});

test('a worker that stands before a broker without answers starts all the same, and ends in time', async () => {
  const partner = await aPartner();
  await anApiKey(house.admin, partner.organisation);
  const proxy = await openTcpProxy(house.vhost.amqpUrl);
  worker = await house.startWorker({ QUARTERHOUR_AMQP_URL: proxy.url });
  proxy.swallow();
  await setTradingState(house.admin, partner.organisation, 'PAUSED');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(await worker.kill()).toEqual({ code: 0, signal: null });
  await proxy.close();
}, 60_000);
