import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { aDispatch, aRealtimeEnvelope, eventually } from '@quarterhour/testkit';
import { aWorkerHouse, type WorkerHouse } from './worker-house.js';

const KILLS = 20;
const SAMPLES_PER_KILL = 2_000;
const DISPATCHES_PER_KILL = 100;
const LONGEST_LIFE_MS = 120;

let house: WorkerHouse;

beforeAll(async () => {
  house = await aWorkerHouse();
}, 60_000);

afterAll(() => house.close());

describe(`a worker that is killed ${KILLS} times while it takes deliveries`, () => {
  test('keeps every confirmed message exactly once, and its counts say so', async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const worker = await house.startWorker();
      const publishing = publishSome(kill);
      await takesDeliveries(kill);
      await new Promise((resolve) => setTimeout(resolve, (LONGEST_LIFE_MS * kill) / KILLS));
      expect(await worker.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
      await publishing;
    }
    const last = await house.startWorker();
    await eventually(expectEverythingOnce, { withinMs: 60_000 });
    expect(await last.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await expectEverythingOnce();
    const [redelivered] = await house.rows<{ n: string }>(
      'select coalesce(sum(n), 0)::text as n from app.ingest_minute where redelivered',
    );
    expect(Number(redelivered?.n)).toBeGreaterThan(0);
  }, 240_000);
});

async function publishSome(kill: number): Promise<void> {
  const day = Date.now() - 3_600_000 * 10;
  const samples = Array.from({ length: SAMPLES_PER_KILL }, (_, index) =>
    aRealtimeEnvelope({
      siteId: house.plant.id,
      timestamp: new Date(day + (kill * SAMPLES_PER_KILL + index) * 100).toISOString(),
    }),
  );
  const commands = Array.from({ length: DISPATCHES_PER_KILL }, () => aDispatch({ asset_id: house.asset }));
  await Promise.all([
    ...samples.map((one) => house.publishTelemetry('realtime', one)),
    ...commands.map((one) => house.publishDispatch(one)),
  ]);
}

/** The newest worker has stored something of this round, and cannot have stored all of it yet. */
async function takesDeliveries(kill: number): Promise<void> {
  await eventually(async () => {
    expect((await house.counts())['plant-telemetry stored'] ?? 0).toBeGreaterThan(kill * SAMPLES_PER_KILL);
  });
}

async function expectEverythingOnce(): Promise<void> {
  const samples = KILLS * SAMPLES_PER_KILL;
  const commands = KILLS * DISPATCHES_PER_KILL;
  const [stored] = await house.rows(`
    select (select count(*)::int from app.telemetry_realtime) as samples, (select count(*)::int from app.dispatch) as commands,
      (select count(*)::int from app.receipt) as receipts, (select count(*)::int from app.quarantine) as quarantined`);
  expect(stored).toEqual({ samples, commands, receipts: commands, quarantined: 0 });
  expect(await house.counts()).toMatchObject({ 'plant-telemetry stored': samples, 'dispatch stored': commands });
}
