import { NotReadyError, assertReady, type Database, type ReadyOptions } from '@quarterhour/db';
import type { Logger } from '@quarterhour/runtime';

/**
 * Checks again what was checked at the start: somebody may have switched durability off or dropped an index since. The
 * worker goes on all the same, and is not ready; a batch in hand would not be safer elsewhere.
 *
 * @throws NotReadyError, or whatever kept the database from answering
 */
export async function stillReady(
  { db, log }: { readonly db: Database; readonly log: Logger },
  options: ReadyOptions,
): Promise<void> {
  try {
    await assertReady(db, options);
  } catch (error) {
    if (error instanceof NotReadyError)
      log.error({ err: error, problems: error.problems }, 'the database is not what it was');
    throw error;
  }
}
