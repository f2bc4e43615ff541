import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { QUEUES, partnerTopology } from '@quarterhour/contracts';
import { keyOfSuspect, raiseSuspects, type Suspect } from '@quarterhour/db';
import { dispatchStream } from '@quarterhour/ingestion';
import { createLogger } from '@quarterhour/runtime';
import { aDispatch, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { MOST_DEATHS, Suspects, suspectOf } from '../src/suspects.js';
import { aStreamHouse, type StreamHouse } from './stream-house.js';

const DEADLY_JSON = pathToFileURL(path.join(import.meta.dirname, 'deadly-json.mjs')).href;
const log = createLogger({ name: 'test', level: 'fatal' });

let house: StreamHouse;

beforeEach(async () => {
  house = await aStreamHouse();
}, 60_000);

afterEach(() => house.close(), 60_000);

const publish = (messages: number) =>
  Promise.all(Array.from({ length: messages }, () => house.publishDispatch(aDispatch({ asset_id: house.asset }))));

const suspectsOnRecord = () => house.rows('select queue, attempts from ops.suspect');

describe('a message that ends every process that reads it', () => {
  const NEIGHBOURS = 120;
  /** Three until it is suspected, one with its neighbours, three alone in hand, and one that sets it aside. */
  const LIVES = 8;

  test('is found and set aside unread within a few restarts, and its neighbours are stored', async () => {
    const samples = Array.from({ length: NEIGHBOURS }, (_, index) =>
      aRealtimeEnvelope({ siteId: house.plant.id, timestamp: new Date(Date.now() - 60_000 + index).toISOString() }),
    );
    const deadly = JSON.stringify(aDispatch({ asset_id: house.asset, source: 'deadly' }));
    await house.broker.declare(partnerTopology(house.organisation.queuePrefix ?? ''));
    await publish(NEIGHBOURS);
    await house.publishDispatch(deadly);
    await publish(NEIGHBOURS);
    await Promise.all(samples.map((sample) => house.publishTelemetry('realtime', sample)));

    const everything = {
      'dispatch stored': 2 * NEIGHBOURS,
      'plant-telemetry stored': NEIGHBOURS,
      'dispatch quarantined': 1,
    };
    const isEverythingKept = async () => {
      const counts = await house.counts();
      return Object.entries(everything).every(([key, n]) => counts[key] === n);
    };
    let lives = 0;
    for (let isOver = false; !isOver && lives < 3 * LIVES; lives += 1) {
      // One that dies before it says that it takes deliveries has lived all the same.
      const worker = await house.startWorker({ NODE_OPTIONS: `--import=${DEADLY_JSON}` }).catch(() => null);
      if (worker === null) continue;
      const ended = new AbortController();
      void worker.exited.then(() => ended.abort());
      while (!ended.signal.aborted && !isOver) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        isOver = await isEverythingKept();
      }
      if (isOver) expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    }

    expect(lives).toBeLessThanOrEqual(LIVES + 2);
    expect(await house.counts()).toMatchObject(everything);
    expect(await house.rows(`select org_id, reason, replayable, body from app.quarantine`)).toEqual([
      { org_id: house.organisation.id, reason: 'delivery_limit', replayable: true, body: Buffer.from(deadly) },
    ]);
    expect(await suspectsOnRecord()).toEqual([]);
  }, 180_000);
});

describe('healthy messages that were delivered in vain again and again', () => {
  test('are taken by the handful and stored, and then the queue is taken by the window again', async () => {
    await publish(40);
    await deliverInVain(5, 40);
    await publish(30);
    const stream = await house.aStream(dispatchStream, { quietMessages: 10 });
    await stream.consume(QUEUES.dispatch);
    await eventually(async () => expect(await stream.healthCheck.check()).toMatchObject(careful(true)));
    await house.settled(70);
    await eventually(async () => expect(await stream.healthCheck.check()).toMatchObject(careful(false)));
    expect(await house.counts()).toEqual({ 'dispatch stored': 70 });
    expect(await suspectsOnRecord()).toEqual([]);
    await publish(20);
    await house.settled(90);
  }, 60_000);

  test('are tried together, but for one with which a process died', async () => {
    const body = JSON.stringify(aDispatch({ asset_id: house.asset }));
    const others = () => Array.from({ length: 15 }, () => JSON.stringify(aDispatch({ asset_id: house.asset })));
    const messages = [...others(), body, ...others()];
    const accused = suspectOf({ queue: QUEUES.dispatch, body: Buffer.from(body) });
    await Promise.all(messages.map((message) => house.publishDispatch(message)));
    await deliverInVain(5, messages.length);
    await raiseSuspects(house.ingest, [accused]);
    const tried: (readonly Suspect[])[] = [];
    class Watched extends Suspects {
      override onRecord<T>(
        inHand: readonly Suspect[],
        work: (deaths: readonly number[]) => T | Promise<T>,
      ): Promise<T> {
        tried.push(inHand);
        return super.onRecord(inHand, work);
      }
    }
    const stream = await house.aStream(dispatchStream, {}, { suspects: new Watched(house.ingest, log) });
    await stream.consume(QUEUES.dispatch);
    await house.settled(messages.length);
    await eventually(async () => expect(await suspectsOnRecord()).toEqual([]));
    const keys = tried.map((inHand) => inHand.map(keyOfSuspect));
    expect(keys.filter((group) => group.includes(keyOfSuspect(accused)))).toEqual([
      [keyOfSuspect(accused)],
      [keyOfSuspect(accused)],
    ]);
    expect(tried.length).toBeLessThan(messages.length);
  }, 60_000);

  test('are not held guilty of what an outage adds while they are in hand', async () => {
    await publish(1);
    await deliverInVain(5, 1);
    const stream = await house.aStream(dispatchStream, { giveBackAfterMs: 300 });
    await stream.begin();
    await house.databaseProxy.refuse();
    await stream.consume(QUEUES.dispatch);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await house.databaseProxy.restore();
    await house.settled(1);
    expect(await house.counts()).toEqual({ 'dispatch stored': 1 });
  }, 60_000);

  test('are not held guilty of what kept the processes before from storing them', async () => {
    await publish(1);
    await deliverInVain(5, 1);
    await house.admin.transaction([], async (trx) => {
      await trx.query({ text: 'lock table app.dispatch in access exclusive mode', values: [] });
      for (let life = 0; life < MOST_DEATHS + 1; life += 1) {
        const stopping = new AbortController();
        const stream = await house.aStream(dispatchStream, {}, { stopping: stopping.signal });
        await stream.consume(QUEUES.dispatch);
        await eventually(async () => expect(await suspectsOnRecord()).toMatchObject([{ attempts: 1 }]));
        stopping.abort();
        await stream.drain();
      }
    });
    const stream = await house.aStream(dispatchStream);
    await stream.consume(QUEUES.dispatch);
    await house.settled(1);
    expect(await house.counts()).toEqual({ 'dispatch stored': 1 });
    await eventually(async () => expect(await suspectsOnRecord()).toEqual([]));
  }, 60_000);

  /** Hands them to somebody who does nothing, and is gone. */
  async function deliverInVain(times: number, messages: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      let delivered = 0;
      const consumer = await house.broker.consume({
        queue: QUEUES.dispatch,
        prefetch: messages,
        onDelivery: () => (delivered += 1),
      });
      await eventually(() => expect(delivered).toBe(messages));
      await consumer.close();
    }
  }

  function careful(isCareful: boolean) {
    return { detail: { queues: { [QUEUES.dispatch]: { isCareful } } } };
  }
});

describe('a suspect in hand', () => {
  const suspect = suspectOf({ queue: 'q', body: Buffer.from('body') });

  test('is alone: nothing else is done beside it, and nothing else is under way when it begins', async () => {
    const { suspects } = house;
    const order: string[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const before = suspects.besideOthers(async () => {
      await held;
      order.push('beside, before');
    });
    const alone = suspects.onRecord([suspect], async () => {
      order.push('alone begins');
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push('alone ends');
    });
    expect(suspects.isTrying).toBe(true);
    const after = suspects.besideOthers(() => void order.push('beside, after'));
    release();
    await Promise.all([before, alone, after]);
    expect(order).toEqual(['beside, before', 'alone begins', 'alone ends', 'beside, after']);
    expect(suspects.isTrying).toBe(false);
  });

  test('is on record while it is, and let go of whatever came of it', async () => {
    const { suspects } = house;
    const deaths = await suspects.onRecord([suspect], async (before) => {
      expect(await suspectsOnRecord()).toEqual([{ queue: 'q', attempts: 1 }]);
      return before;
    });
    expect(deaths).toEqual([0]);
    const failing = suspects.onRecord([suspect], () => Promise.reject(new Error('refused')));
    await expect(failing).rejects.toThrow('refused');
    expect(await suspectsOnRecord()).toEqual([{ queue: 'q', attempts: 0 }]);
    await suspects.forget([suspect]);
    expect(await suspectsOnRecord()).toEqual([]);
  });

  test('counts those who died, not those who could not say so at once', async () => {
    await raiseSuspects(house.ingest, [suspect]);
    let isAway = false;
    const { ingest } = house;
    const suspects = new Suspects(
      {
        ...ingest,
        transaction: (organisations, work) =>
          isAway ? Promise.reject(new Error('away')) : ingest.transaction(organisations, work),
      },
      log,
    );
    for (let time = 0; time < 5; time += 1) {
      isAway = false;
      const deaths = await suspects.onRecord([suspect], (before) => {
        isAway = true;
        return before;
      });
      expect(deaths).toEqual([1]);
    }
  });
});
