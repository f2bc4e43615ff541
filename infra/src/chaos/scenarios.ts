import { hash } from 'node:crypto';
import { INGEST_POLICY, QUEUES } from '@quarterhour/contracts';
import { PRECIOUS } from '@quarterhour/ingestion';
import { sleep, systemClock } from '@quarterhour/runtime';
import { brokerDefinitions } from '../stack/index.js';
import type { Arena } from './arena.js';
import type { Finding } from './judge.js';
import { Load, type Mix } from './load.js';
import { within } from './settling.js';
import { Told } from './told.js';
import type { SupervisedWorker, WorkerFleet } from './worker-fleet.js';

/** What a scenario has at hand. */
export interface Scene {
  readonly arena: Arena;
  readonly fleet: WorkerFleet;
  /** What is changed in the policy, for scenarios about it. */
  readonly policy: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * One situation, brought about on purpose instead of waiting until chance does; it is accounted for by what the worker stored,
 * or finds out by itself what is wrong. Throws a {@link MissedError} when it did not come about, so that nothing can be said.
 */
export type Scenario = { readonly workers: number } & (
  { readonly run: (scene: Scene) => Promise<void> } | { readonly find: (scene: Scene) => Promise<Finding[]> }
);

/** The situation that was to be shown did not come about. */
export class MissedError extends Error {
  override readonly name = 'MissedError';
  readonly code = 'CHAOS_MISSED';
}

const SEED = 'scenario';
const ONLY_DISPATCHES: Mix = { dispatch: 1 };
const SAMPLES_AND_DISPATCHES: Mix = { dispatch: 1, realtime: 3 };
const SITUATION_WITHIN_MS = 20_000;
const POLL_MS = 25;
const DELIVERY_LIMIT = 2;
const DEAD_LETTERS = 20;
const MESSAGES_TOLD = 20;
const TOLD_WITHIN_MS = 15_000;

export const SCENARIOS = {
  'killed with a batch in hand': {
    workers: 1,
    run: async (scene) => {
      const lock = await locked(scene.arena, ['app.dispatch', 'app.telemetry_realtime']);
      await publish(scene.arena, SAMPLES_AND_DISPATCHES, 200);
      await someoneWaitsForALock(scene.arena);
      scene.fleet.at(0).signal('SIGKILL');
      await sleep(200);
      await lock.release();
    },
  },
  'delivered again after the commit': {
    workers: 1,
    run: async (scene) => {
      const worker = scene.fleet.at(0);
      for (let round = 0; round < 3; round += 1) {
        await taking(worker);
        const hit = worker.commitReplies.spring(SITUATION_WITHIN_MS, () => worker.signal('SIGKILL'));
        await publish(scene.arena, SAMPLES_AND_DISPATCHES, 100, `${SEED} ${round}`);
        if (!(await hit)) throw new MissedError('no COMMIT came');
      }
    },
  },
  'two organisations with the same ids': {
    workers: 1,
    run: ({ arena }) => publish(arena, ONLY_DISPATCHES, 150),
  },
  'database away for a while': {
    workers: 1,
    run: async ({ arena, fleet }) => {
      const { database } = fleet.at(0);
      database.setMode('refuse');
      database.cutAll();
      // Few, and for long: what is requeued goes behind the others, and each has to come round a hundred times.
      await publish(arena, ONLY_DISPATCHES, 4);
      await sleep(12_000);
      database.setMode('pass');
    },
  },
  'statement cancelled inside the transaction': {
    workers: 1,
    run: async ({ arena }) => {
      const lock = await locked(arena, ['app.ingest_minute']);
      // One alone first: a batch of one cannot hide behind its neighbours.
      await publish(arena, { dispatch: 1 }, 1);
      const { pid } = await someoneWaitsForALock(arena);
      await arena.admin.read([], (trx) => trx.query({ text: 'select pg_cancel_backend($1)', values: [pid] }));
      await sleep(100);
      await lock.release();
      await publish(arena, ONLY_DISPATCHES, 20, `${SEED} after`);
    },
  },
  'statement not answered in time': {
    workers: 1,
    run: async ({ arena }) => {
      const lock = await locked(arena, ['app.dispatch']);
      await publish(arena, ONLY_DISPATCHES, 50);
      await sleep(3_500);
      await lock.release();
      await publish(arena, ONLY_DISPATCHES, 50, `${SEED} after`);
    },
  },
  'channel lost with a batch in hand': {
    workers: 2,
    run: async ({ arena, fleet }) => {
      const first = await locked(arena, ['app.dispatch']);
      // Nearly what both may have in hand: the other worker has no room for all that this one gives back.
      await publish(arena, ONLY_DISPATCHES, 2 * PRECIOUS.prefetch - 40);
      const { port } = await someoneWaitsForALock(arena);
      const worker = fleet.workers.find(({ database }) => database.comesFrom(port));
      if (worker === undefined) throw new MissedError('nobody knows whose statement waits');
      worker.broker.cutAll();
      // Long enough for another channel with other deliveries under the same numbers.
      await sleep(3_000);
      const second = locked(arena, ['app.dispatch']);
      await sleep(300);
      await first.release();
      const again = await second;
      await sleep(500);
      worker.signal('SIGKILL');
      await sleep(200);
      await again.release();
    },
  },
  'corrections that race': {
    workers: 4,
    run: async ({ arena }) => {
      await publish(arena, { realtime: 1 }, 60);
      await publish(arena, { realtime: 1, correction: 40 }, 20_000, `${SEED} race`);
    },
  },
  'database killed while it commits': {
    workers: 1,
    run: async ({ arena }) => {
      for (let round = 0; round < 3; round += 1) {
        const over = new AbortController();
        const load = new Load(`${SEED} ${round}`, arena.organisations, systemClock.nowMillis(), SAMPLES_AND_DISPATCHES);
        const publishing = arena.publishing.run(load, 400, over.signal);
        await sleep(2_000);
        await arena.servers.postgres.kill();
        over.abort();
        await publishing;
        await arena.servers.postgres.restart();
      }
    },
  },
  'nobody takes dead letters for a while': {
    workers: 0,
    find: async ({ arena, policy, signal }) => {
      const definition = { ...INGEST_POLICY.definition, 'delivery-limit': DELIVERY_LIMIT, ...policy };
      await arena.api.putPolicy(arena.vhost, { ...INGEST_POLICY, definition });
      await publish(arena, ONLY_DISPATCHES, DEAD_LETTERS);
      await arena.api.deleteQueue(arena.vhost, QUEUES.dead);
      for (let time = 0; time <= DELIVERY_LIMIT; time += 1) await deliverInVain(arena);
      await sleep(1_000);
      await arena.api.importDefinitions(arena.vhost, brokerDefinitions(arena.vhost));
      return undelivered(arena, signal);
    },
  },
  'told while transactions overlap': {
    workers: 1,
    find: async ({ arena }) => {
      const told = await Told.start(arena);
      await told.decide(async () => {
        const second = await told.decide();
        if (!(await told.heard(second, SITUATION_WITHIN_MS))) throw new MissedError('nothing is told');
      });
      return told.missing(TOLD_WITHIN_MS);
    },
  },
  'told while nobody listens': {
    workers: 1,
    find: async ({ arena }) => {
      const told = await Told.start(arena);
      await told.stopListening();
      for (let n = 0; n < MESSAGES_TOLD; n += 1) await told.decide();
      await sleep(1_500);
      await told.listen();
      return told.missing(TOLD_WITHIN_MS);
    },
  },
  'told into a dead connection': {
    workers: 1,
    find: async ({ arena, fleet }) => {
      const told = await Told.start(arena);
      if (!(await told.heard(await told.decide(), SITUATION_WITHIN_MS))) throw new MissedError('nothing is told');
      const { broker } = fleet.at(0);
      broker.setMode('black-hole');
      for (let n = 0; n < MESSAGES_TOLD; n += 1) await told.decide();
      await sleep(1_500);
      broker.cutAll();
      broker.setMode('pass');
      return told.missing(TOLD_WITHIN_MS);
    },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Sends so many messages and waits until they are confirmed. */
async function publish(arena: Arena, mix: Mix, messages: number, seed = SEED): Promise<void> {
  const load = new Load(seed, arena.organisations, systemClock.nowMillis(), mix);
  for (let sent = 0; sent < messages;) {
    for (const message of load.next().slice(0, messages - sent)) {
      arena.publishing.send(message);
      sent += 1;
    }
  }
  await arena.publishing.confirmed();
}

async function taking(worker: SupervisedWorker): Promise<void> {
  await worker.ready(SITUATION_WITHIN_MS);
}

interface HeldLock {
  release(): Promise<void>;
}

/** Locks tables against writing, until released. */
async function locked(arena: Arena, tables: readonly string[]): Promise<HeldLock> {
  const released = new AbortController();
  let onLocked: () => void = () => undefined;
  const isLocked = new Promise<void>((resolve) => (onLocked = resolve));
  const held = arena.admin.transaction([], async (trx) => {
    await trx.query({ text: `lock table ${tables.join(', ')} in exclusive mode`, values: [] });
    onLocked();
    await sleep(SITUATION_WITHIN_MS * 3, released.signal);
  });
  await Promise.race([isLocked, held]);
  return {
    release() {
      released.abort();
      return held;
    },
  };
}

const WAITING = `
  select pid, client_port as port from pg_stat_activity
   where datname = current_database() and usename = 'quarterhour_ingest' and wait_event_type = 'Lock'
     and wait_event = 'relation' limit 1`;

/** A statement of a worker. */
interface Waiting {
  /** The process of the database that serves it. */
  readonly pid: number;
  /** Where its connection comes from. */
  readonly port: number;
}

/** Waits until a worker's statement waits for a table. */
async function someoneWaitsForALock(arena: Arena): Promise<Waiting> {
  const deadline = systemClock.monotonicMillis() + SITUATION_WITHIN_MS;
  while (systemClock.monotonicMillis() < deadline) {
    const [row] = await arena.admin.read([], (trx) => trx.query<Waiting>({ text: WAITING, values: [] }));
    if (row !== undefined) return row;
    await sleep(POLL_MS);
  }
  throw new MissedError('no statement of the worker came to wait for the lock');
}

/** A consumer that takes everything and dies with it: each time counts as a delivery that failed. */
async function deliverInVain({ broker }: Arena): Promise<void> {
  const consumer = await broker.consume({
    queue: QUEUES.dispatch,
    prefetch: DEAD_LETTERS,
    onDelivery: () => undefined,
  });
  await sleep(500);
  await consumer.close();
}

/** Of what was confirmed, what does not come out of the queue of dead letters. */
async function undelivered({ broker, ledger }: Arena, signal: AbortSignal): Promise<Finding[]> {
  const missing = new Set(ledger.copies.filter(({ status }) => status === 'confirmed').map(({ sha256 }) => sha256));
  let onAll: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (onAll = resolve));
  const consumer = await broker.consume({
    queue: QUEUES.dead,
    prefetch: DEAD_LETTERS,
    onDelivery: (delivery, from) => {
      missing.delete(hash('sha256', delivery.body));
      from.ack([delivery]);
      if (missing.size === 0) onAll();
    },
  });
  await within(SITUATION_WITHIN_MS, all, signal);
  await consumer.close();
  return [...missing].map((sha256) => ({ equation: 'lost', about: `content ${sha256} is no dead letter` }));
}
