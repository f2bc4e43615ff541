import type { UtcInstant } from '@quarterhour/domain';
import { plainArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared, type NamedStatement } from '../statement.js';

const RAISE = `
  select r.org_id as "orgId", app.instant_text(r.known_at) as "knownAt" from app.raise_known_at($1::uuid[]) r`;

function raising(organisations: readonly string[]): NamedStatement {
  return prepared(RAISE, [plainArray([...new Set(organisations)].sort())]);
}

/**
 * Does what {@link raiseKnownAt} does, with the next statement: for whoever has the result read from the heads by what follows,
 * and keeps them locked no longer than that takes.
 */
export function deferRaise(trx: Trx, organisations: readonly string[]): void {
  trx.defer(raising(organisations));
}

/**
 * Moves the organisations' `known_at` forward and keeps their heads locked until the transaction ends: whoever writes
 * agreed data does this first and stamps its rows with the result, so that stamps rise in the order of the commits.
 *
 * @returns the new `known_at` by organisation; organisations that do not exist are absent
 */
export async function raiseKnownAt(
  trx: Trx,
  organisations: readonly string[],
): Promise<ReadonlyMap<string, UtcInstant>> {
  const rows = await trx.query<{ orgId: string; knownAt: UtcInstant }>(raising(organisations));
  return new Map(rows.map(({ orgId, knownAt }) => [orgId, knownAt]));
}

const ANNOUNCE = `select set_config('app.stamp', app.take_stamp()::text, true)`;
/** What {@link announceStamp} announced, for statements of the same transaction. */
export const ANNOUNCED_STAMP = `current_setting('app.stamp')::timestamptz`;

/**
 * Gives the measured facts of this transaction a stamp, on the database's clock, with the next statement. Nobody waits for it:
 * readers see by a lock of the transaction that something may still come at this stamp, and put their marks before it.
 */
export function announceStamp(trx: Trx): void {
  trx.defer(prepared(ANNOUNCE, []));
}

/** The stamp that was announced, for whoever has to know it. */
export async function announcedStamp(trx: Trx): Promise<UtcInstant> {
  const [row] = await trx.query<{ stamp: UtcInstant }>(
    prepared(`select app.instant_text(${ANNOUNCED_STAMP}) as stamp`, []),
  );
  if (row === undefined) throw new Error('the stamp was read without an answer');
  return row.stamp;
}

/** Up to when a read may know things, and the time at which it asked, both on the database's clock. */
export interface Mark {
  readonly knownAt: UtcInstant;
  readonly now: UtcInstant;
}

const AGREED = `
  select app.instant_text(case when heads.n = 1 then heads.latest else app.settled_until() end) as "knownAt",
    app.instant_text(clock_timestamp()) as now
  from (select count(*) as n, max(known_at) as latest from app.org_head) heads where heads.n > 0`;

/**
 * The mark for agreed data of the organisations in scope; null when there are none.
 *
 * Ask before reading and pass the answer on as the bound of what is read: what is stamped up to it is all there, and
 * nothing more ever will be, so the same bound gives the same answer for ever. Of one organisation it is the stamp of its
 * last change; over several it lies before whatever is being written at this moment.
 */
export async function knownAt(trx: Trx): Promise<Mark | null> {
  const [mark] = await trx.query<Mark>(prepared(AGREED, []));
  return mark ?? null;
}

const NOW = `
  select app.instant_text(greatest(case when heads.n = 1 then heads.latest end, app.settled_until())) as "knownAt",
    app.instant_text(clock_timestamp()) as now
  from (select count(*) as n, max(known_at) as latest from app.org_head) heads where heads.n > 0`;

/**
 * The latest mark that there is for agreed data: as {@link knownAt}, and where nothing changed lately, up to now. For lists
 * that end now: what was known at the mark, up to the mark, is the same for ever. Null when there are no organisations.
 */
export async function knownNow(trx: Trx): Promise<Mark | null> {
  const [mark] = await trx.query<Mark>(prepared(NOW, []));
  return mark ?? null;
}

const MEASURED = `
  select app.instant_text(app.settled_until()) as "knownAt", app.instant_text(clock_timestamp()) as now`;

/** The mark for measured data, whoever's: as {@link knownAt}, before whatever is being written at this moment. */
export async function measuredKnownAt(trx: Trx): Promise<Mark> {
  const [mark] = await trx.query<Mark>(prepared(MEASURED, []));
  if (mark === undefined) throw new Error('the mark was taken without an answer');
  return mark;
}
