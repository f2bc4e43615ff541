import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  EXCHANGES,
  fleetTelemetryKey,
  partnerTelemetryKey,
  partnerTelemetryQueue,
  partnerTopology,
  QUEUES,
} from '@quarterhour/contracts';
import type { Database } from '@quarterhour/db';
import { plantTelemetryStream } from '@quarterhour/ingestion';
import type { Consumer } from '@quarterhour/messaging';
import { aPlant, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import type { StreamIngest } from '../src/ingest.js';
import { aStreamHouse, type StreamHouse } from './stream-house.js';

const BATCH = 5;

let house: StreamHouse;
let stream: StreamIngest<unknown>;
/** How many facts were prepared at once, call by call. */
let prepared: number[];
/** Called when something is prepared, and when a delivery was taken. */
let onPrepare: () => void;
let onTaken: () => void;
let consumers: Map<string, Consumer>;
let queue: string;
/** Lets the transactions of the stream begin, which wait for it. */
let letGo: () => void = () => undefined;
let transactions: number;

beforeEach(async () => {
  house = await aStreamHouse();
  const prefix = house.organisation.queuePrefix ?? '';
  await house.broker.declare(partnerTopology(prefix));
  queue = partnerTelemetryQueue(prefix);
  prepared = [];
  onPrepare = () => undefined;
  onTaken = () => undefined;
  consumers = new Map();
  transactions = 0;
  let gate = Promise.resolve();
  const db: Database = {
    ...house.ingest,
    transaction: async (organisations, work) => {
      transactions += 1;
      await gate;
      return house.ingest.transaction(organisations, work);
    },
  };
  stream = await house.aStream(
    {
      ...plantTelemetryStream,
      limits: { ...plantTelemetryStream.limits, batchMessages: BATCH },
      prepare: (batch) => {
        prepared.push(batch.length);
        onPrepare();
        return plantTelemetryStream.prepare(batch);
      },
    },
    {},
    {
      db,
      broker: {
        consume: async (options) => {
          const consumer = await house.broker.consume({
            ...options,
            onDelivery: (delivery, from) => {
              options.onDelivery(delivery, from);
              onTaken();
            },
          });
          consumers.set(options.queue, consumer);
          return consumer;
        },
      },
    },
  );
  await stream.begin();
  transactions = 0;
  gate = new Promise<void>((resolve) => (letGo = resolve));
}, 60_000);

afterEach(async () => {
  letGo();
  await house.close();
}, 60_000);

let samples = 0;
/** Each of another instant, so each is stored. */
async function publish(count: number, { siteId = house.plant.id, exchange = 'vcp' }: Where = {}): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    samples += 1;
    const timestamp = new Date(Date.now() - 60_000 - samples * 1_000).toISOString();
    const prefix = house.organisation.queuePrefix ?? '';
    await house.publisher.publish({
      exchange: EXCHANGES[exchange],
      routingKey:
        exchange === 'fleet' ? fleetTelemetryKey('realtime', siteId) : partnerTelemetryKey(prefix, 'realtime', siteId),
      body: Buffer.from(JSON.stringify(aRealtimeEnvelope({ siteId, timestamp }))),
    });
  }
}

interface Where {
  readonly siteId?: string;
  readonly exchange?: 'vcp' | 'fleet';
}

const waiting = (count: number) =>
  eventually(async () => expect((await stream.healthCheck.check()).detail).toMatchObject({ waiting: count }));

const untilPrepared = (facts: readonly number[]) => eventually(() => Promise.resolve(expect(prepared).toEqual(facts)));

const nothingInHand = () =>
  eventually(async () =>
    expect((await stream.healthCheck.check()).detail).toMatchObject({
      queues: { [queue]: { inHand: 0 }, [QUEUES.fleetTelemetry]: { inHand: 0 } },
    }),
  );

/** One message is in hand and cannot be stored yet. */
async function holdOne(): Promise<void> {
  await stream.consume(queue);
  await publish(1);
  await eventually(() => Promise.resolve(expect(transactions).toBe(1)));
}

describe('a batch that is full while the one before is being stored', () => {
  test('is prepared meanwhile, and stored as it was prepared', async () => {
    await holdOne();
    await publish(BATCH);
    await untilPrepared([BATCH]);
    letGo();
    await house.settled(1 + BATCH);
    expect(prepared).toEqual([BATCH, 1]);
    expect(await house.counts()).toEqual({ 'plant-telemetry stored': 1 + BATCH });
  });

  test('is stored without what came by a channel that was lost since', async () => {
    await stream.consume(QUEUES.fleetTelemetry);
    await holdOne();
    await publish(BATCH - 2);
    await publish(2, { exchange: 'fleet' });
    await untilPrepared([BATCH]);
    consumers.get(QUEUES.fleetTelemetry)?.reopen();
    await waiting(BATCH + 2);
    letGo();
    await house.settled(1 + BATCH);
    await nothingInHand();
    expect(await house.counts()).toEqual({ 'plant-telemetry stored': 1 + BATCH });
  });

  test('is stored with what became known since, however it was understood before', async () => {
    const siteId = randomUUID();
    await holdOne();
    await publish(BATCH - 1);
    await publish(1, { siteId });
    await untilPrepared([BATCH - 1]);
    await aPlant(house.admin, house.organisation, { id: siteId });
    letGo();
    await house.settled(1 + BATCH);
    expect(await house.counts()).toEqual({ 'plant-telemetry stored': 1 + BATCH });
  });

  test('is not prepared beside a suspect', async () => {
    await holdOne();
    await publish(BATCH - 1);
    await waiting(BATCH - 1);
    let trying: Promise<void> = Promise.resolve();
    onTaken = () => {
      trying = house.suspects.onRecord([{ queue, bodySha256: Buffer.alloc(32) }], () => undefined);
    };
    await publish(1);
    await waiting(BATCH);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(prepared).toEqual([]);
    letGo();
    await trying;
    await house.settled(1 + BATCH);
    expect(prepared).toEqual([1, BATCH]);
  });

  test('that cannot be prepared meanwhile is prepared in its turn', async () => {
    await holdOne();
    onPrepare = () => {
      onPrepare = () => undefined;
      throw new Error('not now');
    };
    await publish(BATCH);
    await untilPrepared([BATCH]);
    letGo();
    await house.settled(1 + BATCH);
    expect(prepared).toEqual([BATCH, 1, BATCH]);
  });
});
