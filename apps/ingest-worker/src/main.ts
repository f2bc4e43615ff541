import { QUEUES, staticTopology } from '@quarterhour/contracts';
import { assertReady, openDatabase } from '@quarterhour/db';
import {
  assetStatusStream,
  commandAnswerStream,
  deadLetterStream,
  dispatchStream,
  partnerCommandStream,
  plantTelemetryStream,
  RegisterWatch,
  tradingConfigStream,
} from '@quarterhour/ingestion';
import { openBroker } from '@quarterhour/messaging';
import {
  createLogger,
  createMetrics,
  endsWithin,
  openKeyRing,
  runProcess,
  startHealthServer,
  systemClock,
} from '@quarterhour/runtime';
import { readConfig } from './config.js';
import { Executor } from './execution/executor.js';
import { ExecutionWatch } from './execution/watch.js';
import { brokerCheck, databaseCheck } from './health.js';
import { StreamIngest } from './ingest.js';
import { ingestMetrics } from './ingest-metrics.js';
import { FanOutBindings } from './fan-out/bindings.js';
import { Drops } from './fan-out/drops.js';
import { FanOut } from './fan-out/fan-out.js';
import { fanOutMetrics } from './fan-out/metrics.js';
import { startJobs } from './jobs.js';
import { takeInParked } from './parked.js';
import { outboxMetrics } from './outbox/metrics.js';
import { publishers } from './outbox/publishers.js';
import { OutboxRelay } from './outbox/relay.js';
import { OutboxWatch } from './outbox/watch.js';
import { Partitions } from './partitions.js';
import { Partners } from './partners.js';
import { stillReady } from './readiness.js';
import { rollUpAll } from './rollups.js';
import { OpenedSigningKeys } from './signing-keys.js';
import { Suspects } from './suspects.js';
import { Watchdog } from './watchdog.js';

const APPLICATION = 'ingest-worker';
const REGISTER_POLL_MS = 1_000;
const PARKED_POLL_MS = 1_000;
/** A quarter hour that is being filled is added up anew each time; what changed since is read from the samples. */
const ROLLUP_EVERY_MS = 30_000;
const WATCH_MS = 15_000;
const OUTBOX_WATCH_MS = 5_000;
const FAN_OUT_TEND_MS = 250;
const BINDING_MS = 5_000;
const DROPS_EVERY_MS = 5_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** A database that does not answer at all is given up soon after one that says that it is too slow. */
const ANSWER_TIMEOUT_MS = 12_000;
/** For what may hang when the process stops, and loses nothing when it is left. */
const CLOSE_MS = 1_000;
/** What was published and is not written down by then is published again. */
const RELAY_MS = 2_000;
/** Answers of plants that come within this time are stored together: commands wait while answers are stored. */
const ANSWERS_REST_MS = 20;
/** Telemetry leaves the database to commands, as long as some came within the last second. */
const TELEMETRY_REST_MS = 10;
const COMMANDS_ABOUT_MS = 1_000;
/** How long partners are waited for at the start; those who are not there by then are taken up as soon as they are. */
const PARTNERS_MS = 10_000;

const config = readConfig();
const log = createLogger({ name: 'ingest-worker', level: config.logLevel });

await runProcess({ name: 'ingest-worker', log }, async (onStop, stopping) => {
  const clock = systemClock;
  const database = {
    url: config.databaseUrl,
    applicationName: APPLICATION,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    onIdleError: (error: Error) => log.warn({ err: error }, 'an idle database connection was lost'),
  };
  const db = openDatabase({ ...database, maxConnections: 4 });
  const lockDb = openDatabase({ ...database, maxConnections: 1 });
  const executionDb = openDatabase({ ...database, maxConnections: 1 });
  const connections: (() => Promise<unknown>)[] = [
    () => endsWithin(CLOSE_MS, Promise.all([db.close(), lockDb.close(), executionDb.close()])),
  ];
  onStop(() => Promise.all(connections.map((close) => close())));
  const readyOptions = { acceptVolatile: config.acceptsVolatile };
  await assertReady(db, readyOptions);

  const broker = await openBroker({ url: config.amqpUrl, applicationName: APPLICATION, log, signal: stopping });
  connections.push(() => broker.close());
  await broker.declare(staticTopology());

  const metrics = createMetrics({ processMetrics: true });
  const register = await RegisterWatch.open(db);
  const partitions = new Partitions(db, clock);
  const signingKeys = new OpenedSigningKeys(config.keyRing === null ? null : openKeyRing(config.keyRing));
  const watchdog = new Watchdog({ broker, clock, log, endProcess: () => process.exit(1) });
  const ctx = {
    db,
    log,
    clock,
    broker,
    register,
    partitions,
    watchdog,
    suspects: new Suspects(db, log),
    stopping,
    worker: config.worker,
    metrics: ingestMetrics(metrics),
    receiving: { signingKeys, commandRules: config.commandRules },
    nextBatchNo: counter(),
  };
  const dispatches = new StreamIngest(ctx, dispatchStream);
  let commandsAt = -Infinity;
  const areCommandsAbout = () => clock.monotonicMillis() - commandsAt < COMMANDS_ABOUT_MS;
  const telemetry = new StreamIngest(ctx, plantTelemetryStream, {
    restMs: () => (areCommandsAbout() ? TELEMETRY_REST_MS : 0),
  });
  const tradingConfig = new StreamIngest(ctx, tradingConfigStream);
  const assetStatuses = new StreamIngest(ctx, assetStatusStream);
  const commands = new StreamIngest(ctx, partnerCommandStream, {
    onStored: () => {
      commandsAt = clock.monotonicMillis();
      relay.wake();
      executor.wake();
    },
  });
  const commandAnswers = new StreamIngest(ctx, commandAnswerStream, {
    onStored: () => relay.wakeSoon(),
    restMs: () => ANSWERS_REST_MS,
  });
  const deadLetters = new StreamIngest(ctx, deadLetterStream);
  const streams = [dispatches, telemetry, tradingConfig, assetStatuses, commands, commandAnswers, deadLetters];
  const drops = new Drops(db);
  const fanOut: FanOut = new FanOut({
    ...ctx,
    publisherIn: (vhost) => partners.fanOutPublisherIn(vhost),
    drops,
    metrics: fanOutMetrics(metrics),
    eventSource: config.commandRules.eventSource,
  });
  const fanOutBindings = new FanOutBindings(ctx);
  const partners = new Partners(
    {
      ...ctx,
      source: ctx,
      amqpUrl: config.amqpUrl,
      applicationName: APPLICATION,
      assertVerifies: (orgId, keyId) => signingKeys.assertOpens(register.current, orgId, keyId),
    },
    { telemetry, tradingConfig, commands, deadLetters, fanOut },
  );
  connections.push(() => partners.close());
  const outboxCtx = { ...ctx, lockDb, publisherIn: publishers(broker, partners), metrics: outboxMetrics(metrics) };
  const relay = new OutboxRelay(outboxCtx);
  const outboxWatch = new OutboxWatch({ ...outboxCtx, relay });
  const relayed = relay.run();
  const executor = new Executor(
    { ...ctx, executionDb, eventSource: config.commandRules.eventSource, onEnqueued: () => relay.wakeSoon() },
    config.execution,
  );
  const executionWatch = new ExecutionWatch({ db, register, executor }, metrics);
  const executed = executor.run();
  const tellNobody = () => fanOut.close().then(() => drops.writeDown());
  onStop(() =>
    Promise.all([
      endsWithin(RELAY_MS, Promise.all([relayed, executed])),
      endsWithin(CLOSE_MS, tellNobody()),
      ...streams.map((stream) => stream.drain()),
    ]),
  );

  const lookAhead = () => partitions.lookAhead(plantTelemetryStream.name);
  await lookAhead();
  await dispatches.consume(QUEUES.dispatch);
  await telemetry.consume(QUEUES.fleetTelemetry);
  await tradingConfig.consume(QUEUES.tradingConfig);
  await assetStatuses.consume(QUEUES.assetStatus);
  await commandAnswers.consume(QUEUES.fleetAnswers);
  await deadLetters.consume(QUEUES.dead);
  await endsWithin(PARTNERS_MS, partners.follow());
  await fanOut.consume(QUEUES.fanOut);
  await endsWithin(BINDING_MS, fanOutBindings.follow());

  const jobs = startJobs(ctx, [
    {
      name: 'register',
      everyMs: REGISTER_POLL_MS,
      job: () => register.refresh().finally(() => void partners.follow()),
    },
    { name: 'partitions', everyMs: HOUR_MS, job: lookAhead },
    { name: 'parked', everyMs: PARKED_POLL_MS, job: () => takeInParked(ctx) },
    { name: 'rollups', everyMs: ROLLUP_EVERY_MS, job: () => rollUpAll(db, register, stopping) },
    { name: 'watchdog', everyMs: WATCH_MS, job: () => Promise.all([watchdog.look(), partners.look()]) },
    { name: 'outbox', everyMs: OUTBOX_WATCH_MS, job: () => Promise.all([outboxWatch.look(), executionWatch.look()]) },
    { name: 'fan-out-bindings', everyMs: REGISTER_POLL_MS, job: () => fanOutBindings.follow() },
    { name: 'fan-out', everyMs: FAN_OUT_TEND_MS, job: () => Promise.resolve(fanOut.tend()) },
    { name: 'fan-out-drops', everyMs: DROPS_EVERY_MS, job: () => drops.writeDown() },
    {
      name: 'ready',
      everyMs: HOUR_MS,
      afterFailureMs: MINUTE_MS,
      job: () => stillReady(ctx, readyOptions),
      isVital: true,
    },
  ]);
  onStop(() => endsWithin(CLOSE_MS, jobs.done));

  const health = await startHealthServer({
    ...config.health,
    metrics,
    checks: [
      databaseCheck(db),
      brokerCheck(broker),
      ...streams.map((stream) => stream.healthCheck),
      partners.healthCheck,
      fanOut.healthCheck,
      outboxWatch.healthCheck,
      executionWatch.healthCheck,
      ...jobs.checks,
    ],
  });
  onStop(() => health.close());
  log.info({ worker: config.worker, health: health.url }, 'taking deliveries');
});

function counter(): () => number {
  let last = 0;
  return () => (last += 1);
}
