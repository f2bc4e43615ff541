const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/**
 * How long to wait before trying again: doubles from 100 ms to 5 s, less a random part of up to a half, so that many
 * processes that lost the same broker do not return at the same moment.
 *
 * @param failures how many attempts failed in a row, from 1
 * @returns milliseconds
 */
export function backOff(failures: number): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(longest * (1 - Math.random() / 2));
}

/** How long something must have lasted for its next failure to count as the first again. */
export const SETTLED_AFTER_MS = LONGEST_DELAY_MS;

/** Waits; ends early, without an error, when the signal is aborted. */
export function sleep(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wakeUp = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wakeUp);
      resolve();
    };
    const timer = setTimeout(wakeUp, millis);
    signal.addEventListener('abort', wakeUp);
  });
}

/**
 * Waits for something that may fail or never end, where going on is all that matters.
 *
 * @returns whether it ended well within the time
 */
export async function endsWithin(millis: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const overdue = sleep(millis, ended.signal).then(() => false);
  const done = work.then(
    () => true,
    () => false,
  );
  const isDone = await Promise.race([done, overdue]);
  ended.abort();
  return isDone;
}
