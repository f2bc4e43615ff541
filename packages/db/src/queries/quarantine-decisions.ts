import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import { TransactionMisuseError } from '../errors.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableText } from '../storable.js';
import { QUARANTINED, type QuarantinedRecord } from './quarantine.js';

/** What an open delivery waits for, and whose it is. */
export interface Waiting {
  readonly orgId: string;
  readonly waitsFor: string;
}

const WAITING = `
  with recursive waiting as (
    (select waits_for, org_id from app.quarantine where state = 'open' and waits_for is not null
      order by waits_for, org_id limit 1)
    union all
    select next.* from waiting w cross join lateral (
      select q.waits_for, q.org_id from app.quarantine q
       where q.state = 'open' and q.waits_for is not null and (q.waits_for, q.org_id) > (w.waits_for, w.org_id)
       order by q.waits_for, q.org_id limit 1) next
  )
  select org_id as "orgId", waits_for as "waitsFor" from waiting`;

/** Everything that open deliveries in scope wait for, each once, by a walk that skips the deliveries between. */
export function listWaiting(trx: Trx): Promise<Waiting[]> {
  return trx.query<Waiting>(prepared(WAITING, []));
}

const PARKED = `${QUARANTINED} where org_id = $1::uuid and waits_for = $2::text and state = 'open'
  order by first_seen, id limit $3::int for update`;

/** The first open deliveries that wait for something, in the order in which they came, locked. */
export function lockParked(trx: Trx, { orgId, waitsFor }: Waiting, limit: number): Promise<QuarantinedRecord[]> {
  return trx.query<QuarantinedRecord>(prepared(PARKED, [orgId, waitsFor, limit]));
}

const LOCK = `${QUARANTINED} where id = any ($1::uuid[]) order by first_seen, id for update`;

/** These deliveries as far as they are in scope, in the order in which they came, locked. */
export function lockQuarantined(trx: Trx, ids: readonly string[]): Promise<QuarantinedRecord[]> {
  return trx.query<QuarantinedRecord>(prepared(LOCK, [plainArray(ids)]));
}

const TRY_ALONE = `
  select pg_try_advisory_xact_lock(hashtextextended('quarterhour.' || $1::text, 0)) as "isAlone",
    current_setting('transaction_read_only')::boolean as "isReading"`;

/**
 * Whether nobody else does this job at the moment; if so, nobody will until this transaction is over.
 *
 * @throws TransactionMisuseError in a read, whose statements are transactions by themselves: the lock would be gone already
 */
export async function tryAlone(trx: Trx, job: string): Promise<boolean> {
  const [row] = await trx.query<{ isAlone: boolean; isReading: boolean }>(prepared(TRY_ALONE, [job]));
  if (row?.isReading === true)
    throw new TransactionMisuseError('a lock is not held from one statement of a read to the next');
  return row?.isAlone === true;
}

/** What became of an attempt to take a delivery in. */
export type Attempt = { readonly id: string; readonly orgId: string } & (
  | { readonly replayedAs: string }
  | {
      readonly replayedAs: null;
      readonly reason: string;
      readonly path: string | null;
      readonly detail: string;
      readonly waitsFor: string | null;
    }
);

const RECORD_ATTEMPTS = `
  update app.quarantine q
     set attempts = q.attempts + 1,
       state = case when o.replayed_as is null then q.state else 'replayed' end,
       replayed_as = o.replayed_as,
       decided_at = case when o.replayed_as is null then null else $8::timestamptz end,
       decided_by = case when o.replayed_as is null then null else $9::text end,
       waits_for = case when o.replayed_as is null then o.waits_for else q.waits_for end,
       attempted_at = case when o.replayed_as is null then $8::timestamptz end,
       attempt_reason = o.reason, attempt_path = o.path, attempt_detail = o.detail
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
      as o (id, org_id, replayed_as, reason, path, detail, waits_for)
   where q.org_id = o.org_id and q.id = o.id and q.state = 'open'`;

/** Writes down what became of attempts on open deliveries. */
export async function recordAttempts(
  trx: Trx,
  attempts: readonly Attempt[],
  { at, by }: { readonly at: UtcInstant; readonly by: string },
): Promise<void> {
  const failed = attempts.map((attempt) => (attempt.replayedAs === null ? attempt : null));
  await trx.query(
    prepared(RECORD_ATTEMPTS, [
      plainArray(attempts.map(({ id }) => id)),
      plainArray(attempts.map(({ orgId }) => orgId)),
      textArray(attempts.map(({ replayedAs }) => replayedAs)),
      textArray(failed.map((attempt) => attempt?.reason ?? null)),
      textArray(failed.map((attempt) => textOrNull(attempt?.path))),
      textArray(failed.map((attempt) => textOrNull(attempt?.detail))),
      textArray(failed.map((attempt) => textOrNull(attempt?.waitsFor))),
      at,
      by,
    ]),
  );
}

function textOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : storableText(text);
}

const DISCARD = `
  update app.quarantine q
     set state = 'discarded', decided_at = $3::timestamptz, decided_by = $4::text, decision_note = $5::text
    from unnest($1::uuid[], $2::uuid[]) as o (id, org_id)
   where q.org_id = o.org_id and q.id = o.id and q.state = 'open'`;

/** Puts open deliveries aside for good. Their bytes stay readable. */
export async function discardQuarantined(
  trx: Trx,
  deliveries: readonly { readonly id: string; readonly orgId: string }[],
  { at, by, note }: { readonly at: UtcInstant; readonly by: string; readonly note: string },
): Promise<void> {
  await trx.query(
    prepared(DISCARD, [
      plainArray(deliveries.map(({ id }) => id)),
      plainArray(deliveries.map(({ orgId }) => orgId)),
      at,
      by,
      note,
    ]),
  );
}
