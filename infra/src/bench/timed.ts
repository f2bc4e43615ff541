import { systemClock } from '@quarterhour/runtime';

/** How long something took, beside its result. */
export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const began = systemClock.monotonicMillis();
  const result = await work();
  return { result, seconds: (systemClock.monotonicMillis() - began) / 1_000 };
}
