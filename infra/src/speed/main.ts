import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EXCHANGES,
  partnerTelemetryKey,
  partnerTelemetryQueue,
  partnerTopology,
  staticTopology,
} from '@quarterhour/contracts';
import {
  createOrganisation,
  createPlant,
  ensurePartitions,
  loadRegister,
  migrate,
  openDatabase,
  type Database,
} from '@quarterhour/db';
import { Register } from '@quarterhour/ingestion';
import { openBroker, type Broker } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import { environmentWith } from '../environment.js';
import { password, startStack, type Stack } from '../stack/index.js';
import { naiveWorker } from './naive-worker.js';

/**
 * `npm run speed`: a first look at how fast telemetry is taken in, as a ratio to a naive worker measured in the same run.
 *
 * Both read the same kind of message from the same quorum queue into the same table, on private servers with every durable
 * setting on. Each round stores its own messages, and a round that stores another number of rows fails.
 */
const ROUNDS = 3;
const NAIVE_MESSAGES = 3_000;
const PRODUCT_MESSAGES = 60_000;
const WARM_UP_MESSAGES = 5_000;
const POLL_MS = 50;
const ORGANISATION = { id: uuidv7(), slug: 'speed', name: 'Speed', queuePrefix: 'speed', marketZone: 'Europe/Berlin' };
const PLANT = { id: uuidv7(), externalPlantId: null, name: 'Plant', timeZone: 'UTC', marketZone: 'Europe/Berlin' };
const QUEUE = partnerTelemetryQueue(ORGANISATION.queuePrefix);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Bench {
  readonly admin: Database;
  readonly ingest: Database;
  readonly broker: Broker;
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 of the next sample: no two are of the same instant. */
  nextInstant: number;
}

await main();

async function main(): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'quarterhour-speed-'));
  const stack = await startStack({ directory, purpose: 'demo', log: say });
  try {
    for (const line of stack.describe()) say(line);
    await measure(stack);
  } finally {
    await stack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(stack: Stack): Promise<void> {
  const bench = await prepare(stack);
  try {
    await productRound(bench, WARM_UP_MESSAGES);
    const naive: number[] = [];
    const product: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      naive.push(await naiveRound(bench, NAIVE_MESSAGES));
      product.push(await productRound(bench, PRODUCT_MESSAGES));
      say(`round ${round}: naive ${perSecond(naive.at(-1))}, worker ${perSecond(product.at(-1))}`);
    }
    const ratios = product.map((rate, round) => rate / (naive[round] ?? NaN));
    say(
      `telemetry ingest on ${cpus().length} cores: worker ${perSecond(median(product))}, naive ${perSecond(median(naive))}`,
    );
    say(`worker / naive ${median(ratios).toFixed(1)} (${ratios.map((ratio) => ratio.toFixed(1)).join(', ')})`);
  } finally {
    await bench.broker.close();
    await bench.ingest.close();
    await bench.admin.close();
  }
}

async function prepare(stack: Stack): Promise<Bench> {
  const rolePasswords = { ingest: password(), read: password(), control: password(), usage: password() };
  await migrate(stack.database.adminUrl, { rolePasswords });
  const ingestUrl = new URL(stack.database.adminUrl);
  ingestUrl.username = 'quarterhour_ingest';
  ingestUrl.password = rolePasswords.ingest;
  const admin = openDatabase({ url: stack.database.adminUrl, applicationName: 'speed', maxConnections: 1 });
  const ingest = openDatabase({ url: ingestUrl.href, applicationName: 'speed', maxConnections: 10 });
  await admin.transaction([ORGANISATION.id], async (trx) => {
    await createOrganisation(trx, ORGANISATION);
    await createPlant(trx, { ...PLANT, orgId: ORGANISATION.id });
  });
  const log = createLogger({ name: 'speed', level: 'error' });
  const broker = await openBroker({ url: stack.broker.amqpUrl, applicationName: 'speed', log });
  await broker.declare(staticTopology());
  await broker.declare(partnerTopology(ORGANISATION.queuePrefix));
  const nextInstant = systemClock.nowMillis() - 6 * 3_600_000;
  const days = [nextInstant, systemClock.nowMillis()].map((millis) => new Date(millis).toISOString().slice(0, 10));
  await ensurePartitions(ingest, 'plant-telemetry', days);
  const environment = {
    QUARTERHOUR_INGEST_DATABASE_URL: ingestUrl.href,
    QUARTERHOUR_AMQP_URL: stack.broker.amqpUrl,
    QUARTERHOUR_WORKER_HEALTH_PORT: '0',
    QUARTERHOUR_LOG_LEVEL: 'warn',
  };
  return { admin, ingest, broker, environment, nextInstant };
}

/** Fills the queue, then starts the product's worker as it is deployed. @returns messages per second */
async function productRound(bench: Bench, messages: number): Promise<number> {
  const since = bench.nextInstant;
  await publish(bench, messages);
  const entry = path.join(ROOT, 'apps', 'ingest-worker', 'dist', 'main.js');
  const worker = spawn(process.execPath, [entry], { env: environmentWith(bench.environment), stdio: 'inherit' });
  const rate = await rateOf(bench, since, messages);
  worker.kill('SIGTERM');
  await once(worker, 'exit');
  return rate;
}

async function naiveRound(bench: Bench, messages: number): Promise<number> {
  const since = bench.nextInstant;
  await publish(bench, messages);
  const register = new Register(await loadRegister(bench.ingest));
  const consumer = await naiveWorker(bench.broker, bench.ingest, register, QUEUE);
  const rate = await rateOf(bench, since, messages);
  await consumer.close();
  return rate;
}

/** From the first row stored to the last. */
async function rateOf(bench: Bench, since: number, messages: number): Promise<number> {
  let began: { readonly at: number; readonly stored: number } | null = null;
  for (;;) {
    const stored = await storedRows(bench, since);
    const now = systemClock.monotonicMillis();
    if (stored > messages) throw new Error(`${stored} rows of ${messages} messages`);
    if (began !== null && stored === messages) return ((stored - began.stored) / (now - began.at)) * 1_000;
    if (began === null && stored > 0) began = { at: now, stored };
    await sleep(POLL_MS);
  }
}

async function storedRows({ admin }: Bench, since: number): Promise<number> {
  const [row] = await admin.read([], (trx) =>
    trx.query<{ n: string }>({
      text: `select count(*)::text as n from app.telemetry_realtime
             where org_id = $1 and plant_id = $2 and measured_at > $3::timestamptz`,
      values: [ORGANISATION.id, PLANT.id, new Date(since).toISOString()],
    }),
  );
  return Number(row?.n);
}

async function publish(bench: Bench, messages: number): Promise<void> {
  const publisher = bench.broker.publisher({ window: 1_000 });
  const routingKey = partnerTelemetryKey(ORGANISATION.queuePrefix, 'realtime', PLANT.id);
  const publishing: Promise<void>[] = [];
  for (let sent = 0; sent < messages; sent += 1) {
    await publisher.room();
    publishing.push(publisher.publish({ exchange: EXCHANGES.vcp, routingKey, body: sample(bench) }));
  }
  await Promise.all(publishing);
  await publisher.close();
}

function sample(bench: Bench): Buffer {
  const timestamp = new Date((bench.nextInstant += 25)).toISOString();
  const payload = {
    gridPowerKw: -12.5,
    fvePowerKw: 30.25,
    batteryPowerKw: 7.75,
    consumptionPowerKw: 10,
    socPercent: 54.2,
    availableBatteryEnergyKwh: 108.4,
    batteryTemperatureCelsius: 23.1,
    currentOperatingMode: 'AUTO',
    dataQuality: 'GOOD',
  };
  const messageId = uuidv7();
  return Buffer.from(
    JSON.stringify({ version: '1.1', messageId, timestamp, source: 'speed', siteId: PLANT.id, payload }),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function perSecond(rate: number | undefined): string {
  return `${Math.round(rate ?? NaN).toLocaleString('en')} msg/s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
