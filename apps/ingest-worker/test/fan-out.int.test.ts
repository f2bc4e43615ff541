import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  EXCHANGES,
  fleetTelemetryKey,
  outboundQueue,
  partnerTelemetryKey,
  QUEUES,
  telemetryEventKey,
  vcpEnvelope,
  vcpMeterEvent,
  vcpRealtimeEvent,
} from '@quarterhour/contracts';
import type { OrganisationRow, PlantRow } from '@quarterhour/db';
import { resumeIntake, stopIntake } from '@quarterhour/messaging';
import {
  aMeterEnvelope,
  anApiKey,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  eventually,
  setTradingState,
  type StartedProcess,
} from '@quarterhour/testkit';
import { aKeyVhost, type KeyVhost } from './key-vhost.js';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

const WITHIN = { withinMs: 20_000 };

let house: WorkerHouse;
const workers: StartedProcess[] = [];
const vhosts: KeyVhost[] = [];

beforeAll(async () => {
  house = await aWorkerHouse();
}, 60_000);

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
  for (const vhost of vhosts.splice(0)) await vhost.drop();
});
afterAll(() => house.close());

interface Partner {
  readonly organisation: OrganisationRow;
  readonly prefix: string;
  readonly plant: PlantRow;
}

async function aPartner(): Promise<Partner> {
  const organisation = await anOrganisation(house.admin);
  return {
    organisation,
    prefix: organisation.queuePrefix ?? '',
    plant: await aPlant(house.admin, organisation),
  };
}

async function aKeyOf({ organisation, prefix }: Partner): Promise<KeyVhost> {
  const vhost = await aKeyVhost(house.vhost.api, await anApiKey(house.admin, organisation), prefix);
  vhosts.push(vhost);
  return vhost;
}

async function aWorker(): Promise<StartedProcess> {
  const worker = await house.startWorker();
  workers.push(worker);
  return worker;
}

/** Resolves when telemetry of our gateways for this plant is fanned out. */
const bound = ({ plant }: Partner) =>
  eventually(async () => {
    const { bindings } = await house.vhost.api.exportDefinitions(house.vhost.name);
    expect(bindings).toContainEqual(
      expect.objectContaining({ queue: QUEUES.fanOut, routingKey: `telemetry.*.${plant.id}` }),
    );
  }, WITHIN);

const fromGateway = ({ plant }: Partner, envelope: object) =>
  house.publisher.publish({
    exchange: EXCHANGES.fleet,
    routingKey: fleetTelemetryKey('realtime', plant.id),
    body: Buffer.from(JSON.stringify(envelope)),
  });

/** By the partner, in our own virtual host. */
const publishedBy = ({ prefix, plant }: Partner, envelope: object) =>
  house.publisher.publish({
    exchange: EXCHANGES.vcp,
    routingKey: partnerTelemetryKey(prefix, 'realtime', plant.id),
    body: Buffer.from(JSON.stringify(envelope)),
  });

interface Told {
  readonly routingKey: string;
  readonly messageId: string;
  readonly body: string;
}

/** Reads what a key is told, as its holder would. */
async function listening(vhost: KeyVhost, { prefix }: Partner): Promise<Told[]> {
  const told: Told[] = [];
  await vhost.broker.consume({
    queue: outboundQueue(prefix, 'telemetry').name,
    prefetch: 200,
    onDelivery: (delivery, consumer) => {
      const { routingKey, properties, body } = delivery;
      told.push({ routingKey, messageId: properties.messageId ?? '', body: body.toString() });
      consumer.ack([delivery]);
    },
  });
  return told;
}

let instants = 0;
const aSample = ({ plant }: Partner, payload = {}) => {
  instants += 1;
  return aRealtimeEnvelope({
    siteId: plant.externalPlantId ?? plant.id,
    timestamp: new Date(Date.now() - 120_000 + instants).toISOString(),
    payload,
  });
};

describe('telemetry of a plant', () => {
  test('reaches each live key of its partner, whoever sent it, in the words of the contract', async () => {
    const partner = await aPartner();
    const [one, other] = [await aKeyOf(partner), await aKeyOf(partner)];
    await aWorker();
    await bound(partner);
    const [told, toldOther] = [await listening(one, partner), await listening(other, partner)];

    const ofGateway = aSample(partner, { gridPowerKw: 5, batteryPowerKw: -20 });
    await fromGateway(partner, ofGateway);
    const central = aSample(partner);
    await publishedBy(partner, central);
    const meter = aMeterEnvelope({ siteId: partner.plant.id });
    await one.publish(`${partner.prefix}.telemetry.meter`, meter);

    for (const received of [told, toldOther]) {
      await eventually(() => expect(received).toHaveLength(3), WITHIN);
      const keys = received.map(({ routingKey }) => routingKey);
      const { id } = partner.plant;
      expect(keys.filter((key) => key === telemetryEventKey(partner.prefix, 'realtime', id))).toHaveLength(2);
      expect(keys).toContain(telemetryEventKey(partner.prefix, 'meter', id));
      for (const { body, messageId } of received) {
        const envelope = vcpEnvelope.parse(JSON.parse(body));
        expect(envelope).toMatchObject({ siteId: id, source: 'quarterhour', messageId });
      }
      const payloads = received
        .filter(({ routingKey }) => routingKey.includes('.realtime.'))
        .map(({ body }) => vcpRealtimeEvent.parse(vcpEnvelope.parse(JSON.parse(body)).payload));
      expect(payloads).toContainEqual({ ...ofGateway.payload, gridPowerKw: 5, batteryPowerKw: -20 });
      const registers = received.find(({ routingKey }) => routingKey.includes('.meter.'));
      expect(vcpMeterEvent.parse(vcpEnvelope.parse(JSON.parse(registers?.body ?? '{}')).payload)).toEqual(
        meter.payload,
      );
    }
    expect(told.map(({ messageId }) => messageId).sort()).toEqual(toldOther.map(({ messageId }) => messageId).sort());
  });

  test('of an organisation without a live key is not queued twice, and no more once trading is being closed', async () => {
    const partner = await aPartner();
    await aWorker();
    const isBound = async () => {
      const { bindings } = await house.vhost.api.exportDefinitions(house.vhost.name);
      return bindings.filter(
        ({ queue, routingKey }) =>
          queue === QUEUES.fanOut &&
          [`telemetry.*.${partner.plant.id}`, `${partner.prefix}.telemetry.#`].includes(routingKey),
      ).length;
    };
    expect(await isBound()).toBe(0);
    await aKeyOf(partner);
    await eventually(async () => expect(await isBound()).toBe(2), WITHIN);
    await setTradingState(house.admin, partner.organisation, 'DRAINING');
    await eventually(async () => expect(await isBound()).toBe(0), WITHIN);
  });

  test('is told on when trading was drained and enabled again before anybody looked', async () => {
    const partner = await aPartner();
    const key = await aKeyOf(partner);
    await aWorker();
    await bound(partner);
    const told = await listening(key, partner);
    const { api, name } = house.vhost;
    const families = ['telemetry', 'config'] as const;
    await stopIntake(api, name, partner.prefix, families);
    await resumeIntake(api, name, partner.prefix, families);
    const { id } = partner.organisation;
    await house.admin.transaction([id], (trx) =>
      trx.query({
        text: `update app.trading_config set wanted_version = wanted_version + 2, provisioned_version = wanted_version + 2
                where org_id = $1`,
        values: [id],
      }),
    );
    await eventually(async () => {
      await publishedBy(partner, aSample(partner));
      expect(told).not.toEqual([]);
    }, WITHIN);
  });

  test('is told on when somebody deleted the queue', async () => {
    const partner = await aPartner();
    const key = await aKeyOf(partner);
    await aWorker();
    await bound(partner);
    const told = await listening(key, partner);
    await house.vhost.api.deleteQueue(house.vhost.name, QUEUES.fanOut);
    await eventually(async () => {
      await fromGateway(partner, aSample(partner));
      expect(told).not.toEqual([]);
    }, WITHIN);
  });

  test('that cannot be understood is told to nobody and keeps nobody waiting', async () => {
    const partner = await aPartner();
    const key = await aKeyOf(partner);
    await aWorker();
    await bound(partner);
    const told = await listening(key, partner);
    await fromGateway(partner, { version: '1.0' });
    await fromGateway(partner, aSample(partner));
    await eventually(() => expect(told).toHaveLength(1), WITHIN);
  });
});

describe('a key whose virtual host is not there', () => {
  test('keeps no other key waiting, and what it was not told is counted for the operator', async () => {
    const [absent, present] = [await aPartner(), await aPartner()];
    const missing = await anApiKey(house.admin, absent.organisation);
    const key = await aKeyOf(present);
    const worker = await aWorker();
    await bound(absent);
    await bound(present);
    const told = await listening(key, present);
    const lost = Array.from({ length: 700 }, () => aSample(absent));
    await Promise.all(lost.map((envelope) => fromGateway(absent, envelope)));
    const heard = Array.from({ length: 700 }, () => aSample(present));
    await Promise.all(heard.map((envelope) => fromGateway(present, envelope)));
    await eventually(() => expect(new Set(told.map(({ messageId }) => messageId)).size).toBe(700), WITHIN);

    await eventually(async () => {
      const rows = await house.rows<{ key: string; n: string }>(
        'select key_id as key, dropped::text as n from app.fan_out_drop where org_id = $1',
        absent.organisation.id,
      );
      expect(rows).toEqual([{ key: missing, n: '600' }]);
    }, WITHIN);
    const metrics = await (await fetch(new URL('/metrics', healthOf(worker)))).text();
    expect(metrics).toContain('quarterhour_fan_out_dropped_total 600');
    // Samples of an earlier test may be left, whose key is gone as well.
    expect(metrics).toMatch(/^quarterhour_fan_out_stalled_keys [1-9]/m);
  });
});

describe('a worker that is killed again and again', () => {
  test('tells everything at least once, under one message id each', async () => {
    const partner = await aPartner();
    const key = await aKeyOf(partner);
    await (await aWorker()).untilLine(/taking deliveries/);
    await bound(partner);
    const told = await listening(key, partner);
    const rounds = 6;
    const each = 500;
    for (let round = 0; round < rounds; round += 1) {
      const worker = workers.at(-1);
      const before = told.length;
      const published = Promise.all(Array.from({ length: each }, () => fromGateway(partner, aSample(partner))));
      await eventually(() => expect(told.length).toBeGreaterThan(before), WITHIN);
      await worker?.kill('SIGKILL');
      await published;
      await aWorker();
    }
    const distinct = () => new Set(told.map(({ messageId }) => messageId)).size;
    await eventually(() => expect(distinct()).toBe(rounds * each), { withinMs: 30_000 });
    const bodies = new Map(told.map(({ messageId, body }) => [messageId, body]));
    expect(told.every(({ messageId, body }) => bodies.get(messageId) === body)).toBe(true);
  }, 120_000);
});
