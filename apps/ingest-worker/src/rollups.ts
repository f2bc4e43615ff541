import { rollUp, type Database } from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';

const NOTES_AT_ONCE = 2_000;

/** Works the list of changed quarter hours off, until it is empty or another process does so. */
export async function rollUpAll(
  db: Database,
  register: { readonly current: Register },
  stopping: AbortSignal,
): Promise<void> {
  let taken: number | null;
  do {
    taken = await rollUp(db, register.current.organisationIds, NOTES_AT_ONCE);
  } while (taken === NOTES_AT_ONCE && !stopping.aborted);
}
