import { rollUp, type Database, type PlantPeriod } from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';

const PERIODS_AT_ONCE = 500;

/** Goes through the list of changed quarter hours once, unless another process does so. */
export async function rollUpAll(
  db: Database,
  register: { readonly current: Register },
  stopping: AbortSignal,
): Promise<void> {
  let after: PlantPeriod | undefined;
  do {
    const taken = await rollUp(db, register.current.organisationIds, {
      most: PERIODS_AT_ONCE,
      ...(after === undefined ? {} : { after }),
    });
    after = taken?.length === PERIODS_AT_ONCE ? taken.at(-1) : undefined;
  } while (after !== undefined && !stopping.aborted);
}
