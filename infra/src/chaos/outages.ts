import { sleep, systemClock } from '@quarterhour/runtime';
import type { Arena } from './arena.js';
import { judge, tally, type Equation } from './judge.js';
import { Load } from './load.js';
import { settled, within } from './settling.js';
import { readStored } from './stored.js';
import type { WorkerFleet } from './worker-fleet.js';

const WORKERS = 2;
const MESSAGES_PER_SECOND = 200;
const SAMPLE_EVERY_MS = 1_000;
/** The broker's silence is noticed by heartbeats, the database's by the next batch. */
const NOTICED_WITHIN_MS = 30_000;
const READY_AGAIN_WITHIN_MS = 60_000;
const CONFIRMED_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 180_000;
const MEBIBYTE = 1024 ** 2;
/** How much a waiting worker may grow: what is in hand is bounded, so time must not add to it. */
const MOST_GROWTH_MIB = 48;

type Away = 'broker' | 'database';

/** What is gone, one outage after the other. */
const OUTAGES: readonly (readonly Away[])[] = [['broker'], ['database'], ['broker', 'database']];

export interface OutagesOptions {
  readonly seed: string;
  readonly minutes: number;
  readonly entry: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How the workers stood through one outage. */
export interface OutageReport {
  readonly away: string;
  readonly minutes: number;
  /** Seconds until `/readyz` of every worker said so; null when it never did. */
  readonly redAfterSeconds: number | null;
  /** Times that a worker called itself ready in between, from then on. */
  readonly greenMeanwhile: number;
  /** Seconds from its end until every worker was ready again; null when they were not in time. */
  readonly readyAfterSeconds: number | null;
  /** By how much the memory of a worker was larger at the end than after the outage was noticed. */
  readonly growthMiB: number;
  /** Processes that ended meanwhile: an outage is to be waited for, not died of. */
  readonly restarts: number;
}

export interface OutagesReport {
  readonly ok: boolean;
  readonly seed: string;
  readonly confirmed: number;
  readonly outages: readonly OutageReport[];
  readonly findings: Readonly<Record<Equation, number>>;
  readonly settledAfterSeconds: number | null;
}

/** Takes broker and database away for minutes, under a light load, and looks whether all comes back by itself. */
export async function outages(arena: Arena, options: OutagesOptions): Promise<OutagesReport> {
  const { seed, say, signal, entry } = options;
  const fleet = await arena.startWorkers({ size: WORKERS, entry });
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  const load = new Load(seed, arena.organisations, systemClock.nowMillis());
  const publishing = arena.publishing.run(load, MESSAGES_PER_SECOND, over.signal);
  await sleep(5_000, over.signal);
  const reports: OutageReport[] = [];
  for (const away of OUTAGES) {
    const report = await outage(arena, fleet, away, options);
    reports.push(report);
    say(JSON.stringify(report));
    signal.throwIfAborted();
  }
  over.abort();
  await publishing;
  await within(CONFIRMED_WITHIN_MS, arena.publishing.confirmed(), signal);
  const settledAfterSeconds = await settled(arena, SETTLED_WITHIN_MS, signal);
  signal.throwIfAborted();
  await fleet.stop();
  const findings = judge(arena.ledger.copies, await readStored(arena));
  for (const { equation, about } of findings.slice(0, 20)) say(`  ${equation}: ${about}`);
  return {
    ok: findings.length === 0 && settledAfterSeconds !== null && reports.every(isBorneWell),
    seed,
    confirmed: arena.ledger.confirmed,
    outages: reports,
    findings: tally(findings),
    settledAfterSeconds,
  };
}

function isBorneWell(report: OutageReport): boolean {
  return (
    report.redAfterSeconds !== null &&
    report.greenMeanwhile === 0 &&
    report.readyAfterSeconds !== null &&
    report.growthMiB <= MOST_GROWTH_MIB &&
    report.restarts === 0
  );
}

async function outage(
  arena: Arena,
  fleet: WorkerFleet,
  away: readonly Away[],
  { minutes, say, signal }: OutagesOptions,
): Promise<OutageReport> {
  say(`${away.join(' and ')} away for ${minutes} min`);
  const startsBefore = starts(fleet);
  const seen: Sample[] = [];
  const began = systemClock.monotonicMillis();
  const elapsed = () => (systemClock.monotonicMillis() - began) / 1_000;
  await takeAway(arena, away);
  while (elapsed() < minutes * 60 && !signal.aborted) {
    seen.push({ at: elapsed(), isReady: await anyReady(fleet), rss: await memories(fleet) });
    await sleep(SAMPLE_EVERY_MS, signal);
  }
  await bringBack(arena, away);
  const readyAfterSeconds = await untilReady(fleet, signal);
  const red = seen.find(({ isReady }) => !isReady);
  const noticed = seen.filter(({ at }) => at > Math.max(red?.at ?? 0, NOTICED_WITHIN_MS / 1_000));
  return {
    away: away.join(' and '),
    minutes,
    redAfterSeconds: red?.at ?? null,
    greenMeanwhile: seen.filter(({ at, isReady }) => red !== undefined && at > red.at && isReady).length,
    readyAfterSeconds,
    growthMiB: growth(noticed),
    restarts: starts(fleet) - startsBefore,
  };
}

interface Sample {
  /** Seconds since the outage began. */
  readonly at: number;
  readonly isReady: boolean;
  /** Per worker, in bytes. */
  readonly rss: readonly number[];
}

async function takeAway({ servers }: Arena, away: readonly Away[]): Promise<void> {
  if (away.includes('broker')) {
    for (let node = 0; node < servers.rabbitmq.size; node += 1) servers.rabbitmq.signal(node, 'SIGKILL');
  }
  if (away.includes('database')) await servers.postgres.kill();
}

async function bringBack({ servers }: Arena, away: readonly Away[]): Promise<void> {
  const nodes = Array.from({ length: servers.rabbitmq.size }, (_, node) => node);
  await Promise.all([
    ...(away.includes('broker') ? nodes.map((node) => servers.rabbitmq.startNode(node)) : []),
    ...(away.includes('database') ? [servers.postgres.restart()] : []),
  ]);
}

async function anyReady(fleet: WorkerFleet): Promise<boolean> {
  const answers = await Promise.all(fleet.workers.map((worker) => worker.isReady()));
  return answers.some((isReady) => isReady === true);
}

async function memories(fleet: WorkerFleet): Promise<number[]> {
  return Promise.all(fleet.workers.map(async (worker) => (await worker.rss()) ?? 0));
}

async function untilReady(fleet: WorkerFleet, signal: AbortSignal): Promise<number | null> {
  const began = systemClock.monotonicMillis();
  const elapsed = () => systemClock.monotonicMillis() - began;
  while (elapsed() < READY_AGAIN_WITHIN_MS && !signal.aborted) {
    const answers = await Promise.all(fleet.workers.map((worker) => worker.isReady()));
    if (answers.every((isReady) => isReady === true)) return elapsed() / 1_000;
    await sleep(SAMPLE_EVERY_MS, signal);
  }
  return null;
}

/** Of the worker that grew most, between the first and the last third, each by its median: one sample proves nothing. */
function growth(samples: readonly Sample[]): number {
  const third = Math.ceil(samples.length / 3);
  const [first = []] = samples.map(({ rss }) => rss);
  const grown = first.map((_, worker) => {
    const sizes = samples.map(({ rss }) => rss[worker] ?? 0);
    return median(sizes.slice(-third)) - median(sizes.slice(0, third));
  });
  return Math.round(Math.max(0, ...grown) / MEBIBYTE);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function starts(fleet: WorkerFleet): number {
  return fleet.workers.reduce((total, worker) => total + worker.starts, 0);
}
