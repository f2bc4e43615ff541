import {
  QUEUES,
  partnerConfigQueue,
  partnerTelemetryQueue,
  partnerTopology,
  staticTopology,
} from '@quarterhour/contracts';
import { assertReady, openDatabase } from '@quarterhour/db';
import { deadLetterStream, dispatchStream, plantTelemetryStream, tradingConfigStream } from '@quarterhour/ingestion';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, createMetrics, runProcess, startHealthServer, systemClock } from '@quarterhour/runtime';
import { readConfig } from './config.js';
import { brokerCheck, databaseCheck, jobCheck } from './health.js';
import { StreamIngest } from './ingest.js';
import { ingestMetrics } from './ingest-metrics.js';
import { takeInParked } from './parked.js';
import { Partitions } from './partitions.js';
import { periodically } from './periodically.js';
import { RegisterWatch } from './register-watch.js';
import { rollUpAll } from './rollups.js';

const REGISTER_POLL_MS = 1_000;
const PARKED_POLL_MS = 1_000;
const ROLLUP_EVERY_MS = 2_000;
const HOUR_MS = 3_600_000;

const config = readConfig();
const log = createLogger({ name: 'ingest-worker', level: config.logLevel });

await runProcess({ name: 'ingest-worker', log }, async (onStop, stopping) => {
  const clock = systemClock;
  const db = openDatabase({
    url: config.databaseUrl,
    applicationName: 'ingest-worker',
    maxConnections: 4,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  onStop(() => db.close());
  await assertReady(db, { acceptVolatile: config.acceptsVolatile });

  const broker = await openBroker({ url: config.amqpUrl, applicationName: 'ingest-worker', log, signal: stopping });
  onStop(() => broker.close());
  await broker.declare(staticTopology());

  const metrics = createMetrics({ processMetrics: true });
  const register = await RegisterWatch.open(db);
  const partitions = new Partitions(db, clock);
  const ctx = {
    db,
    log,
    clock,
    broker,
    register,
    partitions,
    stopping,
    worker: config.worker,
    metrics: ingestMetrics(metrics),
    nextBatchNo: counter(),
  };
  const dispatches = new StreamIngest(ctx, dispatchStream);
  const telemetry = new StreamIngest(ctx, plantTelemetryStream);
  const tradingConfig = new StreamIngest(ctx, tradingConfigStream);
  const deadLetters = new StreamIngest(ctx, deadLetterStream);
  const streams = [dispatches, telemetry, tradingConfig, deadLetters];
  onStop(() => Promise.all(streams.map((stream) => stream.drain())));

  const followed = new Set<string>();
  const followPartners = async () => {
    for (const prefix of register.current.prefixes) {
      if (followed.has(prefix)) continue;
      await broker.declare(partnerTopology(prefix));
      await telemetry.consume(partnerTelemetryQueue(prefix));
      await tradingConfig.consume(partnerConfigQueue(prefix));
      followed.add(prefix);
    }
  };
  const lookAhead = () => partitions.lookAhead(plantTelemetryStream.name);
  await lookAhead();
  await dispatches.consume(QUEUES.dispatch);
  await telemetry.consume(QUEUES.fleetTelemetry);
  await tradingConfig.consume(QUEUES.tradingConfig);
  await deadLetters.consume(QUEUES.dead);
  await followPartners();

  const followRegister = periodically(ctx, {
    name: 'register',
    everyMs: REGISTER_POLL_MS,
    job: async () => {
      await register.refresh();
      await followPartners();
    },
    stopping,
  });
  const makePartitions = periodically(ctx, { name: 'partitions', everyMs: HOUR_MS, job: lookAhead, stopping });
  const parked = periodically(ctx, { name: 'parked', everyMs: PARKED_POLL_MS, job: () => takeInParked(ctx), stopping });
  const rollups = periodically(ctx, {
    name: 'rollups',
    everyMs: ROLLUP_EVERY_MS,
    job: () => rollUpAll(db, register, stopping),
    stopping,
  });
  onStop(() => Promise.all([followRegister.done, makePartitions.done, parked.done, rollups.done]));

  const health = await startHealthServer({
    ...config.health,
    metrics,
    checks: [
      databaseCheck(db),
      brokerCheck(broker),
      ...streams.map((stream) => stream.healthCheck),
      jobCheck('register', followRegister.state),
      jobCheck('partitions', makePartitions.state),
      jobCheck('parked', parked.state),
      jobCheck('rollups', rollups.state),
    ],
  });
  onStop(() => health.close());
  log.info({ worker: config.worker, health: health.url }, 'taking deliveries');
});

function counter(): () => number {
  let last = 0;
  return () => (last += 1);
}
