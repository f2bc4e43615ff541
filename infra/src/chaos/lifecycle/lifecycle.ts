import { setMaxListeners } from 'node:events';
import { TRADING_ACTIONS, type TradingAction } from '@quarterhour/domain';
import { sleep, systemClock } from '@quarterhour/runtime';
import { median } from '../../bench/figures.js';
import type { Arena } from '../arena.js';
import { judge, tally, type Equation } from '../judge.js';
import { settled } from '../settling.js';
import { readStored } from '../stored.js';
import { readAftermath, type Aftermath } from './aftermath.js';
import { ControlApi } from './control-api.js';
import { judgeLifecycle, tallyLifecycle, type LifecycleEquation } from './judge-lifecycle.js';
import { kill, type KillRecord } from './kills.js';
import { Observer } from './observer.js';
import { LifecyclePartner, type StepRecord } from './partner.js';
import { countActions, VICTIMS, type Victim } from './plan.js';

const WORKERS = 2;
const MESSAGES_PER_SECOND = 500;
const CONVERGED_WITHIN_MS = 180_000;
const SETTLED_WITHIN_MS = 60_000;
/** Longer than any partner is left alone, unless everybody waits for an answer. */
const STEP_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 500;
const MOST_SHOWN = 20;

export const LIFECYCLE_PARTNERS = 10;

export interface LifecycleOptions {
  readonly seed: string;
  readonly seconds: number;
  /** Built programs. */
  readonly worker: string;
  readonly controlApi: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What one run showed. */
export interface LifecycleReport {
  readonly ok: boolean;
  readonly seed: string;
  readonly seconds: number;
  readonly partners: number;
  readonly copies: number;
  readonly confirmed: number;
  /** Copies that the broker refused, as trading was not open. */
  readonly refused: number;
  readonly steps: Readonly<Record<TradingAction, number>>;
  /** How long a trader waited for each, in milliseconds: the median, whatever was killed meanwhile. */
  readonly stepMillis: Readonly<Partial<Record<TradingAction, number>>>;
  /** Steps that were asked for more than once. */
  readonly repeatedSteps: number;
  /** Trading events on record, and how often they arrived, copies included. */
  readonly events: number;
  readonly eventsReceived: number;
  /** Times that each was killed while it worked. */
  readonly kills: Readonly<Record<Victim, number>>;
  readonly findings: Readonly<Record<Equation | LifecycleEquation, number>>;
  /** From the last kill healed to everything disabled and gone; null when that never came. */
  readonly convergedAfterSeconds: number | null;
  readonly exitStatuses: readonly (number | null)[];
  /** What keeps the run from proving anything; empty when enough happened. */
  readonly tooLittle: readonly string[];
}

/** Partners publish while their traders open, pause, drain and close them, and everything is killed now and then. */
export async function lifecycle(arena: Arena, options: LifecycleOptions): Promise<LifecycleReport> {
  const { seed, seconds, say, signal } = options;
  const observer = await Observer.start(arena);
  const api = await ControlApi.start(arena, options.controlApi);
  const fleet = await arena.startWorkers({ size: WORKERS, entry: options.worker });
  const partners = await Promise.all(
    arena.organisations.map((organisation) => LifecyclePartner.prepare(arena, api, organisation, signal)),
  );
  const steps = new Steps(partners);

  const [over, quiet] = [new AbortController(), new AbortController()];
  for (const one of [over, quiet]) signal.addEventListener('abort', () => one.abort());
  // Each partner waits by them.
  setMaxListeners(5 * partners.length, over.signal, quiet.signal, signal);
  void sleep(seconds * 1_000, over.signal).then(() => over.abort());
  say(`${partners.length} partners publish ${MESSAGES_PER_SECOND} a second for ${seconds} s`);
  const rate = MESSAGES_PER_SECOND / partners.length;
  const publishing = Promise.all(partners.map((partner) => partner.publish(seed, rate, quiet.signal)));
  const field = { arena, api, fleet, nextStep: (until: AbortSignal) => steps.next(until) };
  const [kills] = await Promise.all([
    kill(field, seed, over.signal, say),
    ...partners.map((partner) => partner.trade(seed, over.signal, signal)),
  ]);
  signal.throwIfAborted();
  say(
    `every partner is to be closed after ${arena.seconds().toFixed(1)} s, ${arena.ledger.confirmed} copies confirmed`,
  );

  const convergedAfterSeconds = await converged(arena, signal);
  quiet.abort();
  await publishing;
  const isSettled = (await settled(arena, SETTLED_WITHIN_MS, signal)) !== null;
  signal.throwIfAborted();
  const exitStatuses = [...(await fleet.stop()), await api.stop()];

  const stored = judge(arena.ledger.copies, await readStored(arena));
  const after = await readAftermath(arena);
  const courses = partners.map(({ organisation: { id, slug }, steps: answered }) => ({
    orgId: id,
    slug,
    steps: answered,
    seen: observer.seen.get(id) ?? [],
  }));
  const decided = judgeLifecycle(courses, after);
  for (const { equation, about } of [...stored, ...decided].slice(0, MOST_SHOWN)) say(`  ${equation}: ${about}`);

  const { copies, confirmed } = arena.ledger;
  const answered = partners.flatMap((partner) => partner.steps);
  const course = { answered: answered.map(({ action }) => action), kills: hits(kills), confirmed };
  const tooLittle = whatIsMissing(seconds, course);
  const isClean = stored.length + decided.length === 0 && exitStatuses.every((status) => status === 0);
  return {
    ok: isClean && isSettled && convergedAfterSeconds !== null && tooLittle.length === 0,
    seed,
    seconds,
    partners: partners.length,
    copies: copies.length,
    confirmed,
    refused: copies.filter(({ status }) => status === 'refused' || status === 'returned').length,
    steps: countActions(course.answered),
    stepMillis: medians(answered),
    repeatedSteps: answered.filter(({ attempts }) => attempts > 1).length,
    events: after.events.length,
    eventsReceived: observer.received,
    kills: course.kills,
    findings: { ...tally(stored), ...tallyLifecycle(decided) },
    convergedAfterSeconds,
    exitStatuses,
    tooLittle,
  };
}

/** Lets somebody wait for the next step of any partner. */
class Steps {
  #waiting: (() => void)[] = [];

  constructor(partners: readonly LifecyclePartner[]) {
    for (const partner of partners) partner.onStep(() => this.#tell());
  }

  async next(signal: AbortSignal): Promise<void> {
    await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), sleep(STEP_WITHIN_MS, signal)]);
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Waits until trading is disabled everywhere, and nothing of anybody is left. */
async function converged(arena: Arena, signal: AbortSignal): Promise<number | null> {
  const began = systemClock.monotonicMillis();
  const elapsed = () => systemClock.monotonicMillis() - began;
  while (elapsed() < CONVERGED_WITHIN_MS && !signal.aborted) {
    const after = await readAftermath(arena).catch(() => null);
    if (after !== null && isQuiet(after)) return elapsed() / 1_000;
    await sleep(LOOK_EVERY_MS, signal);
  }
  return null;
}

function isQuiet({ standings, left, outbox }: Aftermath): boolean {
  const isDone = standings.every((one) => one.state === 'DISABLED' && one.isProvisioned && one.trouble === null);
  return isDone && left.length === 0 && outbox === 0;
}

function medians(steps: readonly StepRecord[]): Partial<Record<TradingAction, number>> {
  return Object.fromEntries(
    TRADING_ACTIONS.flatMap((action) => {
      const millis = steps.filter((step) => step.action === action).map((step) => step.millis);
      return millis.length === 0 ? [] : [[action, Math.round(median(millis))]];
    }),
  );
}

function hits(kills: readonly KillRecord[]): Record<Victim, number> {
  const counts: Record<Victim, number> = { 'control-api': 0, worker: 0, broker: 0 };
  for (const { victim, isHit } of kills) counts[victim] += isHit ? 1 : 0;
  return counts;
}

/** Shares of what 120 seconds must bring. */
function whatIsMissing(
  seconds: number,
  course: {
    readonly answered: readonly TradingAction[];
    readonly kills: Readonly<Record<Victim, number>>;
    readonly confirmed: number;
  },
): string[] {
  const share = Math.min(1, seconds / 120);
  const missing = (what: string, has: number, needs: number) => (has >= needs ? [] : [`${has} of ${needs} ${what}`]);
  const steps = Object.entries(countActions(course.answered));
  return [
    ...missing('confirmed copies', course.confirmed, Math.floor(10_000 * share)),
    ...steps.flatMap(([action, count]) => missing(`steps "${action}"`, count, Math.ceil(5 * share))),
    ...VICTIMS.flatMap((victim) => missing(`kills of the ${victim}`, course.kills[victim], Math.ceil(3 * share))),
  ];
}
