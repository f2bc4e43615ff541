import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { partnerTelemetryQueue } from '@quarterhour/contracts';
import { HIGH_RATE } from '@quarterhour/ingestion';
import { aRealtimeEnvelope, eventually, openTcpProxy, type StartedProcess, type TcpProxy } from '@quarterhour/testkit';
import { aWorkerHouse, healthOf, type WorkerHouse } from './worker-house.js';

const WAITING = 6_000;
const SOON_FULL_AT = WAITING + 500;
const MEBIBYTE = 1024 * 1024;
/** Bodies of all that waits; far below, more would be held than the prefetch. */
const BODY_BYTES = 16_384;

let house: WorkerHouse;
let databaseProxy: TcpProxy;
let worker: StartedProcess;
let queue: string;

beforeAll(async () => {
  house = await aWorkerHouse();
  databaseProxy = await openTcpProxy(house.database.ingestUrl);
  worker = await house.startWorker({ QUARTERHOUR_INGEST_DATABASE_URL: databaseProxy.url });
  queue = partnerTelemetryQueue(house.organisation.queuePrefix ?? '');
}, 60_000);

afterAll(async () => {
  await worker.kill('SIGKILL');
  await databaseProxy.close();
  await house.close();
}, 60_000);

let instants = 0;

/** In windows: a publisher of ours holds what it has not sent yet. */
async function publish(messages: number): Promise<void> {
  for (let left = messages; left > 0; left -= 500) {
    await Promise.all(Array.from({ length: Math.min(left, 500) }, () => publishOne()));
  }
}

function publishOne(): Promise<void> {
  instants += 1;
  const timestamp = new Date(Date.now() - 3_600_000 + instants * 100).toISOString();
  const sample = JSON.stringify(aRealtimeEnvelope({ siteId: house.plant.id, timestamp }));
  return house.publishTelemetry('realtime', sample + ' '.repeat(BODY_BYTES - sample.length));
}

async function residentMebibytes(): Promise<number> {
  const metrics = await (await fetch(new URL('/metrics', healthOf(worker)))).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]) / MEBIBYTE;
}

describe('while the database is away', () => {
  test('the worker holds its prefetch and not more, however much waits, and a full queue refuses its publisher', async () => {
    await databaseProxy.refuse();
    await publish(HIGH_RATE.prefetch + 500);
    await eventually(async () => expect(await unsettled()).toEqual({ held: HIGH_RATE.prefetch, ready: 500 }), {
      withinMs: 20_000,
    });
    const before = await residentMebibytes();

    await publish(WAITING - 500);
    await eventually(async () => expect(await unsettled()).toEqual({ held: HIGH_RATE.prefetch, ready: WAITING }), {
      withinMs: 20_000,
    });
    const waitingMebibytes = ((WAITING - 500) * BODY_BYTES) / MEBIBYTE;
    expect((await residentMebibytes()) - before).toBeLessThan(waitingMebibytes / 2);

    await house.vhost.api.putPolicy(house.vhost.name, {
      name: 'soon-full',
      pattern: `^${queue.replaceAll('.', '\\.')}$`,
      applyTo: 'queues',
      priority: 9,
      definition: { 'max-length': SOON_FULL_AT, overflow: 'reject-publish', 'delivery-limit': 100 },
    });
    await eventually(() => expect(publishOne()).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' }), {
      withinMs: 60_000,
    });

    await databaseProxy.restore();
    await eventually(async () => expect(await unsettled()).toEqual({ held: 0, ready: 0 }), { withinMs: 60_000 });
    const [stored] = await house.rows<{ n: number }>('select count(*)::int as n from app.telemetry_realtime');
    const counts = await house.counts();
    expect(stored?.n).toBe(counts['plant-telemetry stored']);
    expect(stored?.n).toBeGreaterThanOrEqual(HIGH_RATE.prefetch + WAITING);
  }, 240_000);
});

async function unsettled(): Promise<{ held: number; ready: number }> {
  const status = await house.vhost.api.getQueue(house.vhost.name, queue);
  return { held: status?.messagesUnsettled ?? 0, ready: status?.messagesReady ?? 0 };
}
