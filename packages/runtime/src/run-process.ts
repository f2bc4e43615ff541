import { setMaxListeners } from 'node:events';
import type { Logger } from './logger.js';
import { sleep, systemClock } from './clock.js';

/** Registers how to close what was just opened. Closings run newest first, one after the other. */
export type OnStop = (close: () => unknown) => void;

/** What {@link runProcess} needs. */
export interface ProcessOptions {
  /** Stands in the lines about start and stop. */
  name: string;
  log: Logger;
  /** How long all closings together may take, in milliseconds. Default 10,000. */
  stopBudgetMs?: number;
}

const STOP_BUDGET_MS = 10_000;
const HOUR_MS = 3_600_000;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Ctrl-C under a process runner arrives twice: from the terminal and from the runner. That is one request, not two. */
const SAME_REQUEST_MS = 500;

/**
 * Runs a process from its first line to its exit; call it once, from `main.ts`.
 *
 * - `start` opens things in order and returns; the process then lives until SIGTERM or SIGINT.
 * - The first signal aborts `signal` and runs the closings. Done within the budget: exit status 0; not done, or a closing
 *   failed: 1. The same signal again, more than half a second later, ends the process at once with status 1.
 * - `start` throws: what it had opened is closed, then exit status 1.
 * - An unhandled rejection or uncaught exception: one line, exit status 1 at once. Nothing is closed, since nothing is
 *   known about the state of things any more.
 *
 * @param start told how to register closings, and a signal that is aborted when the process should stop
 * @returns never resolves; the process ends first
 */
export async function runProcess(
  { name, log, stopBudgetMs = STOP_BUDGET_MS }: ProcessOptions,
  start: (onStop: OnStop, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  exitOnBug(log);
  const closings: (() => unknown)[] = [];
  const stopping = new AbortController();
  // Each job listens, and how many there are is no sign of a leak.
  setMaxListeners(0, stopping.signal);
  const asked = firstSignal(log, stopping);
  const started = start((close) => closings.push(close), stopping.signal).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );

  const failure = await Promise.race([started, asked]);
  if (failure === undefined) {
    if (!stopping.signal.aborted) log.info({}, `${name} started`);
    await asked;
  } else {
    log.fatal({ err: failure.error }, `${name} could not start`);
    stopping.abort();
  }
  const isClosed = await closeAll(log, started, closings, stopBudgetMs);
  const status = failure === undefined && isClosed ? 0 : 1;
  log.info({ status }, `${name} stopped`);
  process.exit(status);
}

function exitOnBug(log: Logger): void {
  const report = (message: string) => (error: unknown) => {
    log.fatal({ err: error }, message);
    process.exit(1);
  };
  process.on('uncaughtException', report('uncaught exception'));
  process.on('unhandledRejection', report('unhandled rejection'));
}

/** The timer keeps a process alive that has nothing open at the moment; only an exit ends it. */
function firstSignal(log: Logger, stopping: AbortController): Promise<undefined> {
  return new Promise((resolve) => {
    const firstSeen = new Map<string, number>();
    const onSignal = (signal: string) => {
      const now = systemClock.monotonicMillis();
      const earlier = firstSeen.get(signal);
      if (earlier === undefined) firstSeen.set(signal, now);
      else if (now - earlier > SAME_REQUEST_MS) {
        log.warn({ signal }, 'stopping at once');
        process.exit(1);
      }
      if (stopping.signal.aborted) return;
      log.info({ signal }, 'stopping');
      stopping.abort();
      resolve(undefined);
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
    setInterval(() => undefined, HOUR_MS);
  });
}

/** Waits for a start that is still under way first: what it opens yet must be closed too. */
async function closeAll(
  log: Logger,
  started: Promise<unknown>,
  closings: (() => unknown)[],
  budgetMs: number,
): Promise<boolean> {
  const closed = new AbortController();
  const overdue = sleep(budgetMs, closed.signal).then(() => {
    if (!closed.signal.aborted) log.error({ budgetMs, leftOpen: closings.length }, 'stopping took too long');
    return false;
  });
  const isClosed = await Promise.race([started.then(() => closeNewestFirst(log, closings)), overdue]);
  closed.abort();
  return isClosed;
}

async function closeNewestFirst(log: Logger, closings: (() => unknown)[]): Promise<boolean> {
  let isClean = true;
  for (let close = closings.at(-1); close !== undefined; close = closings.at(-1)) {
    try {
      await close();
    } catch (error) {
      isClean = false;
      log.error({ err: error }, 'a closing failed');
    }
    closings.pop();
  }
  return isClean;
}
