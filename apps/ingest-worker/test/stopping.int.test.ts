import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { QUEUES, staticTopology } from '@quarterhour/contracts';
import { openDatabase, type Database } from '@quarterhour/db';
import { dispatchStream, RegisterWatch } from '@quarterhour/ingestion';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, createMetrics, systemClock } from '@quarterhour/runtime';
import { aDispatch, eventually } from '@quarterhour/testkit';
import { StreamIngest } from '../src/ingest.js';
import { ingestMetrics } from '../src/ingest-metrics.js';
import { Partitions } from '../src/partitions.js';
import { Suspects } from '../src/suspects.js';
import { Watchdog } from '../src/watchdog.js';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const MESSAGES = 20;
const log = createLogger({ name: 'test', level: 'fatal' });

let house: WorkerHouse;
let broker: Broker;
let ingest: Database;

beforeAll(async () => {
  house = await aWorkerHouse();
  broker = await openBroker({ url: house.vhost.amqpUrl, applicationName: 'test', log });
  ingest = openDatabase({ url: house.database.ingestUrl, applicationName: 'test', maxConnections: 2 });
}, 60_000);

afterAll(async () => {
  await ingest.close();
  await broker.close();
  await house.close();
});

describe('a stream that is stopped while the database is away for one batch', () => {
  test('settles nothing that it has not stored, although later batches would get through', async () => {
    await broker.declare(staticTopology());
    await publish(1);
    const stopping = new AbortController();
    let isAway = false;
    const awayOnce: Database['transaction'] = async (organisations, work) => {
      if (!isAway) return ingest.transaction(organisations, work);
      isAway = false;
      await publish(MESSAGES - 1);
      await eventually(async () =>
        expect((await stream.healthCheck.check()).detail).toMatchObject({ waiting: MESSAGES - 1 }),
      );
      stopping.abort();
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    };
    let batches = 0;
    const stream = new StreamIngest(
      {
        db: { ...ingest, transaction: awayOnce },
        log,
        clock: systemClock,
        broker,
        register: await RegisterWatch.open(ingest),
        partitions: new Partitions(ingest, systemClock),
        stopping: stopping.signal,
        worker: 'stopped',
        suspects: new Suspects(ingest, log),
        watchdog: new Watchdog({ broker, clock: systemClock, log, endProcess: () => undefined }),
        metrics: ingestMetrics(createMetrics()),
        nextBatchNo: () => (batches += 1),
      },
      dispatchStream,
    );
    await stream.begin();
    isAway = true;
    await stream.consume(QUEUES.dispatch);
    await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve));
    await stream.drain();

    await house.startWorker();
    await house.settled(MESSAGES);
    expect(await house.rows('select count(*)::int as n from app.dispatch')).toEqual([{ n: MESSAGES }]);
  }, 60_000);
});

async function publish(messages: number): Promise<void> {
  await Promise.all(
    Array.from({ length: messages }, () => house.publishDispatch(aDispatch({ asset_id: house.asset }))),
  );
}
