import { staticTopology } from '@quarterhour/contracts';
import { openDatabase, type Database } from '@quarterhour/db';
import { RegisterWatch, type Stream } from '@quarterhour/ingestion';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, createMetrics, systemClock } from '@quarterhour/runtime';
import { openTcpProxy, type TcpProxy } from '@quarterhour/testkit';
import { StreamIngest, type IngestContext, type IngestSettings } from '../src/ingest.js';
import { ingestMetrics } from '../src/ingest-metrics.js';
import { Partitions } from '../src/partitions.js';
import { Suspects } from '../src/suspects.js';
import { Watchdog } from '../src/watchdog.js';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const log = createLogger({ name: 'test', level: 'fatal' });

/** Streams of a worker inside the test's own process, whose servers can be taken away, and whose patience is short. */
export interface StreamHouse extends WorkerHouse {
  readonly broker: Broker;
  readonly ingest: Database;
  readonly brokerProxy: TcpProxy;
  readonly databaseProxy: TcpProxy;
  readonly watchdog: Watchdog;
  readonly suspects: Suspects;
  /** Not consuming anything yet. Drained when the house is closed. */
  aStream<Fact>(
    stream: Stream<Fact>,
    settings?: IngestSettings,
    different?: Partial<IngestContext>,
  ): Promise<StreamIngest<Fact>>;
}

export async function aStreamHouse(): Promise<StreamHouse> {
  const house = await aWorkerHouse();
  const closings: (() => Promise<unknown>)[] = [() => house.close()];
  const brokerProxy = await openTcpProxy(house.vhost.amqpUrl);
  closings.push(() => brokerProxy.close());
  const databaseProxy = await openTcpProxy(house.database.ingestUrl);
  closings.push(() => databaseProxy.close());
  const broker = await openBroker({ url: brokerProxy.url, applicationName: 'stream', log });
  closings.push(() => broker.close());
  await broker.declare(staticTopology());
  const ingest = openDatabase({
    url: databaseProxy.url,
    applicationName: 'stream',
    maxConnections: 4,
    statementTimeoutMs: 2_000,
    answerTimeoutMs: 3_000,
  });
  closings.push(() => ingest.close());
  const watchdog = new Watchdog(
    { broker, clock: systemClock, log, endProcess: () => undefined },
    { deafAfterMs: 1_000 },
  );
  const suspects = new Suspects(ingest, log);
  const stopping = new AbortController();
  let batches = 0;
  const aStream: StreamHouse['aStream'] = async (stream, settings, different = {}) => {
    const one = new StreamIngest(
      {
        db: ingest,
        log,
        clock: systemClock,
        broker,
        watchdog,
        suspects,
        register: await RegisterWatch.open(ingest),
        partitions: new Partitions(ingest, systemClock),
        stopping: stopping.signal,
        worker: `test-${Math.random()}`,
        metrics: ingestMetrics(createMetrics()),
        nextBatchNo: () => (batches += 1),
        ...different,
      },
      stream,
      settings,
    );
    closings.push(() => one.drain());
    return one;
  };
  return {
    ...house,
    broker,
    ingest,
    brokerProxy,
    databaseProxy,
    watchdog,
    suspects,
    aStream,
    async close() {
      stopping.abort();
      for (const one of closings.reverse()) await one();
    },
  };
}
