import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { QUEUES, staticTopology } from '@quarterhour/contracts';
import { dispatchStream } from '@quarterhour/ingestion';
import type { StreamIngest } from '../src/ingest.js';
import { aDispatch, eventually } from '@quarterhour/testkit';
import { aStreamHouse, type StreamHouse } from './stream-house.js';

let house: StreamHouse;

beforeEach(async () => {
  house = await aStreamHouse();
}, 60_000);

afterEach(() => house.close(), 60_000);

const publish = (messages: number) =>
  Promise.all(Array.from({ length: messages }, () => house.publishDispatch(aDispatch({ asset_id: house.asset }))));

async function detailOf(stream: StreamIngest<unknown>): Promise<Readonly<Record<string, unknown>>> {
  return (await stream.healthCheck.check()).detail ?? {};
}

const inHand = (messages: number) => ({ queues: { [QUEUES.dispatch]: { inHand: messages } } });

test('a stream has a record of its progress before its first batch', async () => {
  const stream = await house.aStream(dispatchStream, {}, { worker: 'first' });
  await stream.consume(QUEUES.dispatch);
  expect(await house.rows('select worker, stream, batch_no::int as n from ops.ingest_progress')).toEqual([
    { worker: 'first', stream: 'dispatch', n: 0 },
  ]);
});

describe('a stream whose database does not come back', () => {
  test('gives everything in hand back when its patience ends, takes it anew, and stores it once', async () => {
    const stream = await house.aStream(dispatchStream, { giveBackAfterMs: 1_000 });
    await stream.consume(QUEUES.dispatch);
    await house.databaseProxy.refuse();
    await publish(1);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject(inHand(1)));
    await publish(30);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject({ ...inHand(31), waiting: 30 }));

    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await eventually(async () => expect(await detailOf(stream)).toMatchObject(inHand(31)));
    await house.databaseProxy.restore();
    await house.settled(31);
    const counts = await house.rows<{ outcome: string; redelivered: boolean; n: number }>(
      `select outcome, redelivered, sum(n)::int as n from app.ingest_minute group by 1, 2`,
    );
    expect(counts).toEqual([{ outcome: 'stored', redelivered: true, n: 31 }]);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject(inHand(0)));
    expect(await house.broker.depthOf(QUEUES.dispatch)).toMatchObject({ ready: 0 });
  });

  test('gives nothing back that its channel can still settle, and settles nothing else, when it is stopped', async () => {
    const stopping = new AbortController();
    const stream = await house.aStream(dispatchStream, { giveBackAfterMs: 500 }, { stopping: stopping.signal });
    await stream.consume(QUEUES.dispatch);
    await house.databaseProxy.refuse();
    await publish(5);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    stopping.abort();
    await stream.drain();
    await house.databaseProxy.restore();
    await eventually(async () =>
      expect(await house.broker.depthOf(QUEUES.dispatch)).toEqual({ ready: 5, consumers: 0 }),
    );
    expect(await house.counts()).toEqual({});
  });
});

describe('a batch whose channel is gone when its turn comes', () => {
  test('is left alone: it comes again, and is not stored twice', async () => {
    const stream = await house.aStream(dispatchStream);
    await stream.consume(QUEUES.dispatch);
    await house.databaseProxy.refuse();
    await publish(1);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject(inHand(1)));
    await publish(40);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject({ waiting: 40 }));
    await house.broker.reconnect();
    await eventually(async () => expect(await detailOf(stream)).toMatchObject({ ...inHand(41), waiting: 81 }));
    await house.databaseProxy.restore();
    await house.settled(42);
    await eventually(async () => expect(await detailOf(stream)).toMatchObject(inHand(0)));
    expect(await house.counts()).toEqual({ 'dispatch stored': 41, 'dispatch duplicate': 1 });
  });
});

describe('a consumer that is deaf', () => {
  test('turns the stream red, and is cured by another channel', async () => {
    let isDeaf = true;
    const { broker } = house;
    const deafOnce: Pick<typeof broker, 'consume'> = {
      consume: (options) =>
        broker.consume({
          ...options,
          onDelivery: (delivery, from) => {
            if (!isDeaf) options.onDelivery(delivery, from);
          },
          onLost: (from) => {
            isDeaf = false;
            options.onLost?.(from);
          },
        }),
    };
    const stream = await house.aStream(dispatchStream, {}, { broker: deafOnce });
    await stream.consume(QUEUES.dispatch);
    await publish(dispatchStream.limits.prefetch + 50);
    await house.watchdog.look();
    expect((await stream.healthCheck.check()).ok).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await stream.healthCheck.check()).toMatchObject({
      ok: false,
      detail: { queues: { [QUEUES.dispatch]: { state: 'consuming', ready: 50, isDeaf: true } } },
    });
    await house.watchdog.look();
    await house.settled(dispatchStream.limits.prefetch + 50);
    await eventually(async () => {
      await house.watchdog.look();
      expect((await stream.healthCheck.check()).ok).toBe(true);
    });
  });
});

describe('a queue that is deleted', () => {
  test('turns the stream red until it is declared again', async () => {
    const stream = await house.aStream(dispatchStream);
    await stream.consume(QUEUES.dispatch);
    await house.vhost.api.deleteQueue(house.vhost.name, QUEUES.dispatch);
    await eventually(async () => {
      await house.watchdog.look();
      expect(await stream.healthCheck.check()).toMatchObject({
        ok: false,
        detail: { queues: { [QUEUES.dispatch]: { state: 'recovering', isMissing: true } } },
      });
    });
    await house.broker.declare(staticTopology());
    await publish(1);
    await house.settled(1);
    await house.watchdog.look();
    expect((await stream.healthCheck.check()).ok).toBe(true);
  });
});
