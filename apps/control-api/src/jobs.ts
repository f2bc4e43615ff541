import { tryAlone, type Database } from '@quarterhour/db';
import type { HealthCheck, JobState } from '@quarterhour/runtime';

/** Does a job unless somebody else, in any process, is at it: whoever that is does it for us. */
export function alone(locks: Database, name: string, work: () => Promise<void>): Promise<void> {
  return locks.read([], async (trx) => {
    if (await tryAlone(trx, name)) await work();
  });
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
