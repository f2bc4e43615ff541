import type { UtcInstant } from '@quarterhour/domain';
import { plainArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

const RAISE = `
  update app.org_head h
     set known_at = greatest(clock_timestamp(), h.known_at + interval '1 microsecond')
    from (select org_id from app.org_head where org_id = any ($1::uuid[]) order by org_id for update) locked
   where h.org_id = locked.org_id
  returning h.org_id as "orgId", app.instant_text(h.known_at) as "knownAt"`;

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
  const rows = await trx.query<{ orgId: string; knownAt: UtcInstant }>(
    prepared(RAISE, [plainArray([...new Set(organisations)].sort())]),
  );
  return new Map(rows.map(({ orgId, knownAt }) => [orgId, knownAt]));
}

const LATEST = 'select app.instant_text(max(known_at)) as "knownAt" from app.org_head';

/**
 * The newest `known_at` of the organisations in scope; null when there are none.
 *
 * Ask before reading and pass the answer on as the bound of what is read: later commits stay out of the page.
 * For one organisation it is exact: what is stamped later is later. Over several, a batch of another organisation that
 * is being committed at this moment may still bear an earlier stamp.
 */
export async function knownAt(trx: Trx): Promise<UtcInstant | null> {
  const [row] = await trx.query<{ knownAt: UtcInstant | null }>(prepared(LATEST, []));
  return row?.knownAt ?? null;
}
