import { sleep } from '@quarterhour/runtime';
import type { Arena } from './arena.js';
import type { SupervisedWorker, WorkerFleet } from './worker-fleet.js';

/** What a fault may touch. */
export interface Battlefield {
  readonly arena: Arena;
  readonly fleet: WorkerFleet;
  /** Aborted when the run ends: faults heal at once. */
  readonly signal: AbortSignal;
}

/** One fault, decided before the run begins. */
export interface FaultPlan {
  readonly kind: FaultKind;
  /** Which worker, node or table, modulo how many there are. */
  readonly target: number;
  /** How long it lasts, where it lasts. */
  readonly holdMs: number;
}

/**
 * Faults that exclude each other are on one lane: those of workers, database and network, and those of the broker's nodes, of
 * which a majority must stand for anything to go on.
 */
export type Lane = 'front' | 'nodes';

export interface FaultDefinition {
  readonly lane: Lane;
  /** Bounds of how long it lasts, in milliseconds. */
  readonly holdMs: readonly [number, number];
  /** Does it and heals it. @returns whether it hit what it aims at */
  readonly run: (field: Battlefield, plan: FaultPlan) => Promise<boolean>;
}

const TRAP_WITHIN_MS = 3_000;
const LOCKABLE = ['app.dispatch', 'app.telemetry_realtime', 'app.telemetry_meter', 'app.ingest_minute'] as const;
const UNDISTURBED_MEMORY = '0.6';
const UNDISTURBED_DISK = '50MB';

/** Every kind of fault there is. */
export const FAULTS = {
  'worker SIGKILL': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => atOnce(() => worker(field, plan).signal('SIGKILL')),
  },
  'worker SIGTERM': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => atOnce(() => worker(field, plan).signal('SIGTERM')),
  },
  'worker SIGSTOP': {
    lane: 'front',
    holdMs: [2_500, 3_500],
    run: async (field, plan) => {
      const one = worker(field, plan);
      one.signal('SIGSTOP');
      await sleep(plan.holdMs, field.signal);
      one.signal('SIGCONT');
      return true;
    },
  },
  'worker SIGKILL between COMMIT and ack': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) =>
      firstHit(field, plan, (one) => one.commitReplies.spring(TRAP_WITHIN_MS, () => one.signal('SIGKILL'))),
  },
  'COMMIT reply dropped': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => firstHit(field, plan, (one) => one.commitReplies.spring(TRAP_WITHIN_MS, () => undefined)),
  },
  'ack lost': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => firstHit(field, plan, (one) => one.acks.spring(TRAP_WITHIN_MS)),
  },
  'database backends terminated': {
    lane: 'front',
    holdMs: [0, 0],
    run: async ({ arena }) => {
      const [row] = await arena.admin.read([], (trx) => trx.query<{ n: number }>({ text: TERMINATE, values: [] }));
      return (row?.n ?? 0) > 0;
    },
  },
  'database SIGKILL': {
    lane: 'front',
    holdMs: [200, 1_500],
    run: async ({ arena, signal }, plan) => {
      await arena.servers.postgres.kill();
      await sleep(plan.holdMs, signal);
      await arena.servers.postgres.restart();
      return true;
    },
  },
  'database connections cut': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => atOnce(() => worker(field, plan).database.cutAll() > 0),
  },
  'database black hole': {
    lane: 'front',
    holdMs: [3_000, 5_000],
    run: async (field, plan) => {
      const one = worker(field, plan);
      one.database.setMode('black-hole');
      await sleep(plan.holdMs, field.signal);
      one.database.setMode('pass');
      return true;
    },
  },
  'table locked': {
    lane: 'front',
    holdMs: [1_000, 3_000],
    run: async ({ arena, signal }, plan) => {
      const table = LOCKABLE[plan.target % LOCKABLE.length] ?? LOCKABLE[0];
      await arena.admin.transaction([], async (trx) => {
        await trx.query({ text: `lock table ${table} in exclusive mode`, values: [] });
        await sleep(plan.holdMs, signal);
      });
      return true;
    },
  },
  'broker connections cut': {
    lane: 'front',
    holdMs: [0, 0],
    run: (field, plan) => atOnce(() => worker(field, plan).broker.cutAll() > 0),
  },
  'broker black hole': {
    lane: 'front',
    holdMs: [3_000, 5_000],
    run: async (field, plan) => {
      const one = worker(field, plan);
      one.broker.setMode('black-hole');
      await sleep(plan.holdMs, field.signal);
      one.broker.setMode('pass');
      return true;
    },
  },
  'publisher connections cut': {
    lane: 'front',
    holdMs: [0, 0],
    run: ({ arena }) => atOnce(() => arena.door.cutAll() > 0),
  },
  'slow network': {
    lane: 'front',
    holdMs: [2_000, 4_000],
    run: async (field, plan) => {
      const one = worker(field, plan);
      const ways = [one.database, one.broker];
      for (const way of ways) way.setSlowness({ delayMs: 20, sliceBytes: 700 });
      await sleep(plan.holdMs, field.signal);
      for (const way of ways) way.setSlowness(null);
      return true;
    },
  },
  'node SIGKILL': {
    lane: 'nodes',
    holdMs: [500, 2_000],
    run: async ({ arena, signal }, plan) => {
      const { rabbitmq } = arena.servers;
      const node = plan.target % rabbitmq.size;
      rabbitmq.signal(node, 'SIGKILL');
      while (rabbitmq.isRunning(node)) await sleep(50);
      await sleep(plan.holdMs, signal);
      await rabbitmq.startNode(node);
      return true;
    },
  },
  'node SIGSTOP': {
    lane: 'nodes',
    holdMs: [3_000, 5_000],
    run: async ({ arena, signal }, plan) => {
      const { rabbitmq } = arena.servers;
      const node = plan.target % rabbitmq.size;
      rabbitmq.signal(node, 'SIGSTOP');
      await sleep(plan.holdMs, signal);
      rabbitmq.signal(node, 'SIGCONT');
      return true;
    },
  },
  'memory alarm': {
    lane: 'nodes',
    holdMs: [1_500, 3_000],
    run: (field, plan) => alarm(field, plan, ['set_vm_memory_high_watermark'], '0.00001', UNDISTURBED_MEMORY),
  },
  'disk alarm': {
    lane: 'nodes',
    holdMs: [1_500, 3_000],
    run: (field, plan) => alarm(field, plan, ['set_disk_free_limit'], '900000000000000', UNDISTURBED_DISK),
  },
} as const satisfies Record<string, FaultDefinition>;

export type FaultKind = keyof typeof FAULTS;

/** Kinds that are aimed at one narrow window: that they were tried says nothing, that they hit does. */
export const WINDOWS: readonly FaultKind[] = [
  'COMMIT reply dropped',
  'ack lost',
  'worker SIGKILL between COMMIT and ack',
];

const TERMINATE = `
  select count(pg_terminate_backend(pid))::int as n from pg_stat_activity
   where datname = current_database() and usename = 'quarterhour_ingest'`;

function worker({ fleet }: Battlefield, { target }: FaultPlan): SupervisedWorker {
  return fleet.at(target);
}

function atOnce(act: () => boolean): Promise<boolean> {
  return Promise.resolve(act());
}

/** A worker that an earlier fault keeps busy has no such window at the moment: then the next one is tried. */
async function firstHit(
  { fleet }: Battlefield,
  { target }: FaultPlan,
  spring: (worker: SupervisedWorker) => Promise<boolean>,
): Promise<boolean> {
  for (let offset = 0; offset < fleet.workers.length; offset += 1) {
    if (await spring(fleet.at(target + offset))) return true;
  }
  return false;
}

async function alarm(
  { arena, signal }: Battlefield,
  { target, holdMs }: FaultPlan,
  command: readonly string[],
  raised: string,
  undisturbed: string,
): Promise<boolean> {
  const { rabbitmq } = arena.servers;
  const node = target % rabbitmq.size;
  try {
    await rabbitmq.ctl(node, [...command, raised]);
    await sleep(holdMs, signal);
    return true;
  } finally {
    await rabbitmq.ctl(node, [...command, undisturbed]);
  }
}
