import type { Database } from '../pool.js';
import { prepared } from '../statement.js';

/** A message during whose handling a process may have died, known by its queue and the SHA-256 of its body. */
export interface Suspect {
  readonly queue: string;
  readonly bodySha256: Buffer;
}

/** A suspect as text: two of one key are the same suspect. */
export function keyOfSuspect({ queue, bodySha256 }: Suspect): string {
  return `${queue} ${bodySha256.toString('hex')}`;
}

interface AttemptsRow {
  readonly queue: string;
  readonly sha256: string;
  readonly attempts: number;
}

const IN_HAND = `
  select distinct queue, decode(sha256, 'hex') as body_sha256 from unnest($1::text[], $2::text[]) as in_hand (queue, sha256)`;

/** In one order, so that two who raise the same do not wait for each other. */
const RAISE = `
  insert into ops.suspect as s (queue, body_sha256, attempts)
    select queue, body_sha256, 1 from (${IN_HAND}) as suspect order by queue, body_sha256
  on conflict (queue, body_sha256) do update set attempts = s.attempts + 1
  returning queue, encode(body_sha256, 'hex') as sha256, attempts`;

/**
 * Puts on record, committed, that somebody takes suspects in hand, together. Whoever survives it says so by
 * {@link lowerSuspects}: what stays is the number of those who did not.
 *
 * @returns by position, how many have it in hand or died with it, this one included
 */
export async function raiseSuspects(db: Database, suspects: readonly Suspect[]): Promise<number[]> {
  const rows = await db.transaction([], (trx) => trx.query<AttemptsRow>(prepared(RAISE, columnsOf(suspects))));
  return byPosition(suspects, rows);
}

const ATTEMPTS = `
  select s.queue, encode(s.body_sha256, 'hex') as sha256, s.attempts
  from (${IN_HAND}) as in_hand join ops.suspect s using (queue, body_sha256)`;

/** @returns by position, how many have a suspect in hand or died with it; 0 for one that is not on record */
export async function readAttempts(db: Database, suspects: readonly Suspect[]): Promise<number[]> {
  const rows = await db.read([], (trx) => trx.query<AttemptsRow>(prepared(ATTEMPTS, columnsOf(suspects))));
  return byPosition(suspects, rows);
}

/** Somebody who lives let go of a suspect, so many times. */
export interface LetGo extends Suspect {
  readonly times: number;
}

const LOWER = `
  update ops.suspect s set attempts = greatest(s.attempts - let_go.times, 0)
  from unnest($1::text[], $2::text[], $3::int[]) as let_go (queue, sha256, times)
  where s.queue = let_go.queue and s.body_sha256 = decode(let_go.sha256, 'hex')`;

/** Puts on record that suspects were let go of by somebody who lives. Each is to be named once. */
export async function lowerSuspects(db: Database, suspects: readonly LetGo[]): Promise<void> {
  const values = [...columnsOf(suspects), suspects.map(({ times }) => times)];
  await db.transaction([], (trx) => trx.query(prepared(LOWER, values)));
}

const FORGET = `
  delete from ops.suspect s using (${IN_HAND}) as settled
  where s.queue = settled.queue and s.body_sha256 = settled.body_sha256`;

/** The suspects are settled: nothing is held against them any more. */
export async function forgetSuspects(db: Database, suspects: readonly Suspect[]): Promise<void> {
  await db.transaction([], (trx) => trx.query(prepared(FORGET, columnsOf(suspects))));
}

function columnsOf(suspects: readonly Suspect[]): [string[], string[]] {
  return [suspects.map(({ queue }) => queue), suspects.map(({ bodySha256 }) => bodySha256.toString('hex'))];
}

function byPosition(suspects: readonly Suspect[], rows: readonly AttemptsRow[]): number[] {
  const attempts = new Map(rows.map(({ queue, sha256, attempts }) => [`${queue} ${sha256}`, attempts]));
  return suspects.map((suspect) => attempts.get(keyOfSuspect(suspect)) ?? 0);
}
