import { tryAlone, type Database } from '@quarterhour/db';
import { sleep, type HealthCheck, type JobState } from '@quarterhour/runtime';

/** Well within the time after which the database ends a transaction of which nothing is heard. */
const BEAT_MS = 15_000;

/**
 * Does something unless somebody else, in any process, is at it.
 *
 * @param beatMs how often the lock lets hear of itself
 * @returns what was done; null when somebody else is at it
 */
export function turn<T>(
  locks: Database,
  name: string,
  work: () => Promise<T>,
  { beatMs = BEAT_MS } = {},
): Promise<{ readonly done: T } | null> {
  return locks.transaction([], async (trx) => {
    if (!(await tryAlone(trx, name))) return null;
    const isOver = new AbortController();
    const beat = async (): Promise<void> => {
      for (;;) {
        await sleep(beatMs, isOver.signal);
        if (isOver.signal.aborted) return;
        await tryAlone(trx, name);
      }
    };
    const beating = beat();
    // A lock that is lost ends nothing that was begun; it is told when that is over.
    beating.catch(() => undefined);
    try {
      return { done: await work() };
    } finally {
      isOver.abort();
      await beating;
    }
  });
}

/** Does a job unless somebody else is at it: whoever that is does it for us. */
export async function alone(locks: Database, name: string, work: () => Promise<void>): Promise<void> {
  await turn(locks, name, work);
}

/** Ready as long as the last run went well: what is told there is last run, duration, error, and whatever more there is. */
export function jobCheck(
  name: string,
  state: Readonly<JobState>,
  more: () => Promise<Readonly<Record<string, unknown>>> = () => Promise.resolve({}),
): HealthCheck {
  return {
    name,
    check: async () => ({ ok: state.error === null, detail: { ...state, ...(await more()) } }),
  };
}
