import { sleep, systemClock } from '@quarterhour/runtime';
import type { Arena } from './arena.js';
import { countSettled } from './stored.js';

const POLL_MS = 500;
/** The broker samples the lengths of its queues: one that was filled a moment ago may read as empty. */
const QUIET_POLLS = 4;
/** When fewer deliveries are counted than were confirmed, a worker may be at a standstill just now. */
const DOUBTFUL_POLLS = 20;

/**
 * Waits until no queue holds anything and nothing more is being settled.
 *
 * @returns how many seconds it took; null when the time was up, or the signal aborted, first
 */
export async function settled(arena: Arena, withinMs: number, signal: AbortSignal): Promise<number | null> {
  const began = systemClock.monotonicMillis();
  const elapsed = () => systemClock.monotonicMillis() - began;
  let quiet = 0;
  let before = -1;
  while (elapsed() < withinMs && !signal.aborted) {
    const counted = await look(arena).catch(() => null);
    const isQuiet = counted !== null && counted.waiting === 0 && counted.settled === before;
    quiet = isQuiet ? quiet + 1 : 0;
    before = counted?.settled ?? -1;
    const isComplete = counted !== null && counted.settled >= arena.ledger.confirmed;
    const needed = isComplete ? QUIET_POLLS : DOUBTFUL_POLLS;
    if (quiet >= needed) return (elapsed() - quiet * POLL_MS) / 1_000;
    await sleep(POLL_MS, signal);
  }
  return null;
}

async function look(arena: Arena): Promise<{ waiting: number; settled: number }> {
  const queues = await arena.api.listQueues(arena.vhost);
  const waiting = queues.reduce((total, { messages }) => total + messages, 0);
  return { waiting, settled: await countSettled(arena) };
}

/** Whether something ends in time, and before the signal is aborted. What it is goes on by itself. */
export async function within(withinMs: number, work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const over = new AbortController();
  const wait = sleep(withinMs, AbortSignal.any([over.signal, signal]));
  const isDone = await Promise.race([work.then(() => true), wait.then(() => false)]);
  over.abort();
  return isDone;
}
