import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'amqplib';
import { EXCHANGES, partnerTelemetryKey, partnerTelemetryQueue } from '@quarterhour/contracts';
import { anOrganisation, aPlant, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

let house: WorkerHouse;

beforeAll(async () => {
  house = await aWorkerHouse();
}, 60_000);

afterAll(() => house.close());

describe('a partner whose queue exists otherwise than it should', () => {
  test('keeps neither the worker from starting nor other partners from being heard, and is heard itself', async () => {
    const odd = await anOrganisation(house.admin, { slug: 'a-odd', queuePrefix: 'a-odd' });
    const plant = await aPlant(house.admin, odd);
    const queue = partnerTelemetryQueue('a-odd');
    await declareClassic(queue);

    const worker = await house.startWorker();
    const ready = async () => {
      const answer = await fetch(new URL('/readyz', healthOf(worker)));
      const body: unknown = await answer.json();
      return { status: answer.status, body };
    };
    expect(await ready()).toMatchObject({
      status: 503,
      body: {
        checks: {
          partners: { ok: false, detail: { consumed: 2, troubles: { 'a-odd': 'TopologyMismatchError' } } },
          'stream-plant-telemetry': { ok: true },
        },
      },
    });
    await house.publishTelemetry('realtime', aRealtimeEnvelope({ siteId: house.plant.id }));
    await house.settled(1);
    await publishFor('a-odd', plant.id);
    await house.settled(2);
    expect(await house.counts()).toEqual({ 'plant-telemetry stored': 2 });

    await house.vhost.api.deleteQueue(house.vhost.name, queue);
    await eventually(async () => expect(await ready()).toMatchObject({ status: 200 }), { withinMs: 20_000 });
    expect(await house.vhost.api.getQueue(house.vhost.name, queue)).toMatchObject({ type: 'quorum' });
    await publishFor('a-odd', plant.id);
    await house.settled(3);
  }, 60_000);
});

async function declareClassic(queue: string): Promise<void> {
  const connection = await connect(house.vhost.amqpUrl);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: true });
  await channel.bindQueue(queue, EXCHANGES.vcp, 'a-odd.telemetry.#');
  await connection.close();
}

let instants = 0;

function publishFor(prefix: string, siteId: string): Promise<void> {
  instants += 1;
  const sample = aRealtimeEnvelope({ siteId, timestamp: new Date(Date.now() - 60_000 + instants).toISOString() });
  return house.publisher.publish({
    exchange: EXCHANGES.vcp,
    routingKey: partnerTelemetryKey(prefix, 'realtime', siteId),
    body: Buffer.from(JSON.stringify(sample)),
  });
}
