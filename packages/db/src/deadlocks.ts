import { isNativeError } from 'node:util/types';
import { DatabaseError } from 'pg';

const DEADLOCK = '40P01';
const ATTEMPTS = 3;

/**
 * Does work of one transaction again when the server ended it to resolve a deadlock: nothing of it was kept, and whoever it
 * met has gone on. For transactions that somebody waits for; the worker repeats its own.
 *
 * @throws the error of the work, a deadlock only when it met one three times
 */
export async function againAfterDeadlock<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isDeadlock(error)) throw error;
    }
  }
}

function isDeadlock(error: unknown): boolean {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof DatabaseError) return at.code === DEADLOCK;
  }
  return false;
}
