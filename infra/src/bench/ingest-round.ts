import { instantFromEpochMillis } from '@quarterhour/domain';
import { sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { onServer } from '../stack/index.js';
import { startApp } from './app.js';
import type { Bench } from './bench.js';
import { Child } from './children/child.js';
import { perMessage, type Micros } from './cpu.js';
import { peakMegabytes } from './proc.js';
import { sampleMessage } from './samples.js';
import { rateOf, type Stamp } from './stamps.js';
import type { Store } from './store.js';

const POLL_MS = 20;
const STANDSTILL_MS = 60_000;
const PUBLISH_WINDOW = 1_000;
const TICK_MS = 1_000;

/** How one contestant did with one backlog. */
export interface Round {
  /** Messages per second after the warm-up. */
  readonly rate: number;
  /** Per message, after the warm-up; null where it cannot be read. */
  readonly micros: Micros | null;
  readonly peakMegabytes: number | null;
}

export interface Backlog {
  readonly warmUp: number;
  readonly messages: number;
}

/** Instants of what was published, `[from, to)`. */
interface Published {
  readonly from: number;
  readonly to: number;
  readonly messages: number;
}

/** The built worker over one backlog. */
export async function productRound(bench: Bench, store: Store, backlog: Backlog): Promise<Round> {
  const published = await publishBacklog(bench, backlog);
  const before = await settled(bench, store);
  const worker = await startApp(bench.stack, 'ingest-worker', (port) => ({
    QUARTERHOUR_INGEST_DATABASE_URL: store.ingestUrl,
    QUARTERHOUR_AMQP_URL: bench.stack.broker.amqpUrl,
    QUARTERHOUR_WORKER_HEALTH_PORT: String(port),
  }));
  const { pid } = worker.process;
  const micros = await watch(bench, backlog, {
    pid,
    progress: async () => {
      const ended = worker.process.ended();
      if (ended !== undefined) throw new Error(`the worker ended early (${ended}), see ${worker.process.logFile}`);
      return (await settled(bench, store)) - before;
    },
  });
  const peak = typeof bench.cpu === 'string' ? null : await peakMegabytes(pid);
  await worker.end();
  return { rate: rateOf(await storedBatches(bench, store, published), backlog.warmUp), micros, peakMegabytes: peak };
}

export async function naiveRound(bench: Bench, store: Store, backlog: Backlog): Promise<Round> {
  const published = await publishBacklog(bench, backlog);
  const before = await settled(bench, store);
  const { amqpUrl } = bench.stack.broker;
  const naive = new Child('naive-worker', { amqpUrl, ingestUrl: store.ingestUrl, queue: bench.fleet.queue });
  await naive.next(z.object({ ready: z.literal(true) }));
  const micros = await watch(bench, backlog, {
    pid: naive.pid,
    progress: async () => {
      naive.assertRunning();
      return (await settled(bench, store)) - before;
    },
  });
  await naive.end();
  return {
    rate: rateOf(await storedBatches(bench, store, published), backlog.warmUp),
    micros,
    peakMegabytes: null,
  };
}

export async function drainRound(bench: Bench, backlog: Backlog): Promise<Round> {
  const { messages } = await publishBacklog(bench, backlog);
  const { amqpUrl } = bench.stack.broker;
  const drain = new Child('no-op-drain', { amqpUrl, queue: bench.fleet.queue, messages });
  const batches: Stamp[] = [];
  let taken = 0;
  const micros = await watch(bench, backlog, {
    pid: drain.pid,
    progress: async () => {
      const batch = await drain.next(z.object({ at: z.number(), n: z.int() }));
      batches.push(batch);
      return (taken += batch.n);
    },
  });
  await drain.end();
  return { rate: rateOf(batches, backlog.warmUp), micros, peakMegabytes: null };
}

/** Samples of the whole fleet, second after second, all in the queue when this resolves. */
async function publishBacklog(bench: Bench, { warmUp, messages }: Backlog): Promise<Published> {
  const { fleet } = bench;
  const { plants } = fleet;
  const seconds = (warmUp + messages) / plants.length;
  const from = bench.epoch + bench.nextTick(seconds) * TICK_MS;
  const publisher = bench.broker.publisher({ window: PUBLISH_WINDOW });
  const publishing: Promise<void>[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const timestamp = instantFromEpochMillis(from + second * TICK_MS);
    for (const plant of plants) {
      await publisher.room();
      publishing.push(publisher.publish(sampleMessage(fleet.organisation.queuePrefix, plant, timestamp)));
    }
  }
  await Promise.all(publishing);
  await publisher.close();
  await onServer(bench.stack.database.adminUrl, 'checkpoint');
  return { from, to: from + seconds * TICK_MS, messages: publishing.length };
}

/** Waits until the backlog is worked off, and takes the processor time between the warm-up and the end. */
async function watch(
  { cpu, signal }: Bench,
  { warmUp, messages }: Backlog,
  { pid, progress }: { pid: number; progress: () => Promise<number> },
): Promise<Micros | null> {
  const meter = typeof cpu === 'string' ? null : cpu;
  let warm: { readonly micros: Micros | null; readonly done: number } | null = null;
  let done = 0;
  let movedAt = systemClock.monotonicMillis();
  while (done < warmUp + messages) {
    signal.throwIfAborted();
    const now = await progress();
    if (now > done) movedAt = systemClock.monotonicMillis();
    else await sleep(POLL_MS, signal);
    if (systemClock.monotonicMillis() - movedAt > STANDSTILL_MS) throw new Error(`stands still at ${now} messages`);
    done = now;
    if (warm === null && done >= warmUp) warm = { micros: (await meter?.(pid)) ?? null, done };
  }
  if (done > warmUp + messages) throw new Error(`${done} messages were settled of ${warmUp + messages} published`);
  const end = (await meter?.(pid)) ?? null;
  if (warm === null || warm.micros === null || end === null) return null;
  return perMessage(warm.micros, end, done - warm.done);
}

/** How many deliveries were ever settled as new facts, by the books that each batch's transaction keeps. */
async function settled({ fleet }: Bench, { admin }: Store): Promise<number> {
  const { id } = fleet.organisation;
  const [row] = await admin.read([id], (trx) =>
    trx.query<{ n: number }>({
      text: `select coalesce(sum(n), 0)::float8 as n from app.ingest_minute
             where org_id = $1 and stream = 'plant-telemetry' and outcome = 'stored'`,
      values: [id],
    }),
  );
  return row?.n ?? 0;
}

/** @throws Error when another number of rows is there than of messages that were published */
async function storedBatches(
  { fleet }: Bench,
  { admin }: Store,
  { from, to, messages }: Published,
): Promise<readonly Stamp[]> {
  const { id } = fleet.organisation;
  const stamps = await admin.read([id], (trx) =>
    trx.query<Stamp>({
      text: `select extract(epoch from received_at)::float8 * 1000 as at, count(*)::int as n
             from app.telemetry_realtime
             where org_id = $1 and measured_at >= $2::timestamptz and measured_at < $3::timestamptz
             group by received_at order by received_at`,
      values: [id, instantFromEpochMillis(from), instantFromEpochMillis(to)],
    }),
  );
  const rows = stamps.reduce((sum, { n }) => sum + n, 0);
  if (rows !== messages) throw new Error(`${rows} rows were stored of ${messages} messages`);
  return stamps;
}
