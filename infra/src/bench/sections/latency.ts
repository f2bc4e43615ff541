import { instantFromEpochMicros } from '@quarterhour/domain';
import { sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { startApp } from '../app.js';
import type { Bench } from '../bench.js';
import { Child } from '../children/child.js';
import { short } from '../figures.js';
import type { Measurement } from '../judge.js';
import { latencyOf, type Latency, type Timed } from '../stamps.js';
import type { Store } from '../store.js';

const PER_SECOND = 2_000;
const DROPPED_MICROS = 2_000_000;
const ALL_STORED_WITHIN_MS = 10_000;
const POLL_MS = 50;

/** How long one message takes while 2,000 come every second, once the worker is warm and the publisher at it for two seconds. */
export async function measureLatency(bench: Bench): Promise<Measurement[]> {
  const store = await bench.small();
  const worker = await startApp(bench.stack, 'ingest-worker', (port) => ({
    QUARTERHOUR_INGEST_DATABASE_URL: store.ingestUrl,
    QUARTERHOUR_AMQP_URL: bench.stack.broker.amqpUrl,
    QUARTERHOUR_WORKER_HEALTH_PORT: String(port),
  }));
  await worker.ready(bench.signal);
  await latencyRound(bench, store);
  const values: number[] = [];
  for (let round = 0; round < bench.sizes.latency.rounds; round += 1) {
    const { messages, stamped, committed } = await latencyRound(bench, store);
    values.push(committed.p99);
    bench.say(
      `  ${messages.toLocaleString('en')} messages at ${PER_SECOND.toLocaleString('en')}/s: p50 ${short(committed.p50)}, ` +
        `p99 ${short(committed.p99)}, max ${short(committed.max)} ms until committed; ` +
        `p50 ${short(stamped.p50)}, p99 ${short(stamped.p99)} ms until stamped`,
    );
  }
  await worker.end();
  return [{ goal: 'latency', values }];
}

async function latencyRound(bench: Bench, store: Store): Promise<Latency> {
  const publisher = new Child('publisher', {
    amqpUrl: bench.stack.broker.amqpUrl,
    queuePrefix: bench.fleet.organisation.queuePrefix,
    plants: bench.fleet.plants,
    perSecond: PER_SECOND,
    seconds: bench.sizes.latency.seconds,
  });
  const { sent, beganMicros } = await publisher.next(z.object({ sent: z.int(), beganMicros: z.number() }));
  await publisher.end();
  const messages = await allStored(bench, store, { sent, beganMicros });
  return latencyOf(messages, beganMicros + DROPPED_MICROS);
}

/** @throws Error when another number of rows is there than of messages that were sent */
async function allStored(
  { fleet, signal }: Bench,
  { admin }: Store,
  { sent, beganMicros }: { sent: number; beganMicros: number },
): Promise<Timed[]> {
  const { id } = fleet.organisation;
  const deadline = systemClock.monotonicMillis() + ALL_STORED_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const rows = await admin.read([id], (trx) =>
      trx.query<{ sent: string; stamped: string }>({
        text: `select (extract(epoch from measured_at) * 1000000)::int8 as sent,
                 (extract(epoch from received_at) * 1000000)::int8 as stamped
               from app.telemetry_realtime
               where org_id = $1 and plant_id = any ($2::uuid[]) and measured_at >= $3::timestamptz`,
        values: [id, [...fleet.plants], instantFromEpochMicros(beganMicros)],
      }),
    );
    if (rows.length === sent) return rows.map((row) => ({ sent: Number(row.sent), stamped: Number(row.stamped) }));
    if (rows.length > sent || systemClock.monotonicMillis() > deadline) {
      throw new Error(`${rows.length} rows were stored of ${sent} messages`);
    }
    await sleep(POLL_MS, signal);
  }
}
