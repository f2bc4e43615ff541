import { setTimeout as sleep } from 'node:timers/promises';

const DEFAULT_WITHIN_MS = 10_000;
const EVERY_MS = 25;

/**
 * Repeats a check until it passes.
 *
 * @param check passes by returning, fails by throwing: usually some `expect` lines
 * @returns what the passing check returned
 * @throws what the last check threw, when the time is up
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = DEFAULT_WITHIN_MS }: { withinMs?: number } = {},
): Promise<T> {
  const deadline = AbortSignal.timeout(withinMs);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (deadline.aborted) throw error;
    }
    await sleep(EVERY_MS);
  }
}
