import { sleep, systemClock } from '@quarterhour/runtime';
import type { Arena } from './arena.js';
import { WINDOWS, type FaultKind } from './faults.js';
import { judge, tally, type Equation, type Finding } from './judge.js';
import { Load } from './load.js';
import { planFaults, unleash, type FaultRecord } from './nemesis.js';
import { settled, within } from './settling.js';
import { readStored, type Stored } from './stored.js';
import type { WorkerFleet } from './worker-fleet.js';

const WORKERS = 2;
const MESSAGES_PER_SECOND = 1_500;
const CONFIRMED_WITHIN_MS = 90_000;
const SETTLED_WITHIN_MS = 120_000;
const RSS_EVERY_MS = 1_000;
const LAST_LINES = 15;
const MOST_SHOWN = 20;

export interface SoakOptions {
  readonly seed: string;
  readonly seconds: number;
  readonly entry: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What one run showed. */
export interface SoakReport {
  readonly ok: boolean;
  readonly seed: string;
  readonly seconds: number;
  readonly copies: number;
  readonly confirmed: number;
  /** Deliveries that were counted: more than were confirmed, because some came again. */
  readonly deliveries: number;
  /** Copies of which the broker promised nothing: they may be stored or not. */
  readonly unconfirmed: number;
  readonly faults: number;
  readonly kinds: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  /** How often each narrow window was hit. */
  readonly windows: Readonly<Record<string, number>>;
  readonly findings: Readonly<Record<Equation, number>>;
  /** From the last fault healed to everything settled; null when it never was. */
  readonly settledAfterSeconds: number | null;
  readonly workerStarts: number;
  readonly exitStatuses: readonly (number | null)[];
  readonly largestWorkerMiB: number;
  /** What keeps the run from proving anything; empty when enough happened. */
  readonly tooLittle: readonly string[];
}

/** Load and faults for a time, then quiet, then the accounting. */
export async function soak(arena: Arena, options: SoakOptions): Promise<SoakReport> {
  const { seed, seconds, entry, say, signal } = options;
  const fleet = await arena.startWorkers({ size: WORKERS, entry });
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  void sleep(seconds * 1_000, over.signal).then(() => over.abort());
  const load = new Load(seed, arena.organisations, systemClock.nowMillis());
  say(`publishing ${MESSAGES_PER_SECOND} a second for ${seconds} s`);
  const [faults] = await Promise.all([
    unleash({ arena, fleet, signal: over.signal }, planFaults(seed), say),
    arena.publishing.run(load, MESSAGES_PER_SECOND, over.signal),
    watchMemory(fleet, over.signal),
  ]);
  signal.throwIfAborted();
  say(`healed after ${arena.seconds().toFixed(1)} s, ${arena.ledger.confirmed} copies confirmed`);
  await within(CONFIRMED_WITHIN_MS, arena.publishing.confirmed(), signal);
  const settledAfterSeconds = await settled(arena, SETTLED_WITHIN_MS, signal);
  say(
    settledAfterSeconds === null ? 'not everything was settled' : `settled after ${settledAfterSeconds.toFixed(1)} s`,
  );
  signal.throwIfAborted();
  const exitStatuses = await fleet.stop();
  for (const [index, status] of exitStatuses.entries()) if (status !== 0) tellLastLines(fleet, index, say);
  const stored = await readStored(arena);
  const findings = judge(arena.ledger.copies, stored);
  for (const { equation, about } of findings.slice(0, MOST_SHOWN)) say(`  ${equation}: ${about}`);
  return report(arena, fleet, { options, faults, stored, findings, settledAfterSeconds, exitStatuses });
}

/** Why a worker did not end as it should stands in what it wrote last. */
function tellLastLines(fleet: WorkerFleet, index: number, say: (line: string) => void): void {
  for (const line of fleet.at(index).lines.slice(-LAST_LINES)) say(`  worker ${index}: ${line}`);
}

interface Course {
  readonly options: SoakOptions;
  readonly faults: readonly FaultRecord[];
  readonly stored: Stored;
  readonly findings: readonly Finding[];
  readonly settledAfterSeconds: number | null;
  readonly exitStatuses: readonly (number | null)[];
}

function report(arena: Arena, fleet: WorkerFleet, course: Course): SoakReport {
  const { options, faults, stored, findings, settledAfterSeconds, exitStatuses } = course;
  const { copies, confirmed } = arena.ledger;
  const faultsByKind = countByKind(faults);
  const windows = Object.fromEntries(WINDOWS.map((kind) => [kind, countHits(faults, kind)]));
  const tooLittle = whatIsMissing(options.seconds, confirmed, faults);
  const isClean = findings.length === 0 && settledAfterSeconds !== null && exitStatuses.every((status) => status === 0);
  return {
    ok: isClean && tooLittle.length === 0,
    seed: options.seed,
    seconds: options.seconds,
    copies: copies.length,
    confirmed,
    deliveries: stored.counts.reduce((total, { n }) => total + n, 0),
    unconfirmed: copies.length - confirmed,
    faults: faults.length,
    kinds: Object.keys(faultsByKind).length,
    faultsByKind,
    windows,
    findings: tally(findings),
    settledAfterSeconds,
    workerStarts: fleet.workers.reduce((total, { starts }) => total + starts, 0),
    exitStatuses,
    largestWorkerMiB: Math.round(Math.max(...fleet.workers.map(({ largestRss }) => largestRss)) / 1024 ** 2),
    tooLittle,
  };
}

/** Shares of what 120 seconds must bring: 50,000 confirmed messages, 20 faults of 8 kinds, each window hit. */
function whatIsMissing(seconds: number, confirmed: number, faults: readonly FaultRecord[]): string[] {
  const share = Math.min(1, seconds / 120);
  const kinds = Object.keys(countByKind(faults)).length;
  const missing = (what: string, has: number, needs: number) => (has >= needs ? [] : [`${has} of ${needs} ${what}`]);
  return [
    ...missing('confirmed copies', confirmed, Math.floor(50_000 * share)),
    ...missing('faults', faults.length, Math.floor(20 * share)),
    ...missing('kinds of faults', kinds, Math.floor(8 * share)),
    ...(share < 1 ? [] : WINDOWS.flatMap((kind) => missing(`hits of "${kind}"`, countHits(faults, kind), 1))),
  ];
}

function countByKind(faults: readonly FaultRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function countHits(faults: readonly FaultRecord[], kind: FaultKind): number {
  return faults.filter((fault) => fault.kind === kind && fault.isHit).length;
}

async function watchMemory(fleet: WorkerFleet, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(fleet.workers.map((worker) => worker.rss()));
    await sleep(RSS_EVERY_MS, signal);
  }
}
