import type { Database } from '../pool.js';
import { prepared } from '../statement.js';

/** A message during whose handling a process may have died, known by its queue and the SHA-256 of its body. */
export interface Suspect {
  readonly queue: string;
  readonly bodySha256: Buffer;
}

const RAISE = `
  insert into ops.suspect as s (queue, body_sha256, attempts) values ($1::text, $2::bytea, 1)
  on conflict (queue, body_sha256) do update set attempts = s.attempts + 1
  returning attempts`;

/**
 * Puts on record, committed, that somebody takes a suspect in hand. Whoever survives it says so by
 * {@link lowerSuspect}: what stays is the number of those who did not.
 *
 * @returns how many have it in hand or died with it, this one included
 */
export async function raiseSuspect(db: Database, { queue, bodySha256 }: Suspect): Promise<number> {
  const [row] = await db.transaction([], (trx) =>
    trx.query<{ attempts: number }>(prepared(RAISE, [queue, bodySha256])),
  );
  if (row === undefined) throw new TypeError('an upsert returned no row');
  return row.attempts;
}

const LOWER = `
  update ops.suspect set attempts = greatest(attempts - $3::int, 0) where queue = $1::text and body_sha256 = $2::bytea`;

/** Puts on record that a suspect was let go of by somebody who lives. */
export async function lowerSuspect(db: Database, { queue, bodySha256 }: Suspect, times = 1): Promise<void> {
  await db.transaction([], (trx) => trx.query(prepared(LOWER, [queue, bodySha256, times])));
}

const FORGET = 'delete from ops.suspect where queue = $1::text and body_sha256 = $2::bytea';

/** The suspect is settled: nothing is held against it any more. */
export async function forgetSuspect(db: Database, { queue, bodySha256 }: Suspect): Promise<void> {
  await db.transaction([], (trx) => trx.query(prepared(FORGET, [queue, bodySha256])));
}
