import { plainArray, textArray } from '../array-literals.js';
import { deferPlannedAnew } from '../planned-anew.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { hasVhost } from './provisioning.js';

/** A message that is to be published. */
export interface OutboxMessage {
  readonly orgId: string;
  /** A whole number as text. */
  readonly id: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** Within its organisation, messages with the same one are published one after the other, in the order of their ids. */
  readonly orderKey: string;
  readonly messageId: string;
  readonly body: Buffer;
  /** How often it was tried in vain. */
  readonly attempts: number;
}

/**
 * A message is due when its time has come, and that of everything before it in its order: so those of one order come in the
 * order of their ids, also when it was put in while an earlier one had to wait. What committed late under a lower id is found
 * like any other. `offset 0` has what is before it looked up order by order, however much waits elsewhere; and its organisation is
 * no condition that an index serves, or the planner would take that for enough as long as the table was not analysed.
 */
const DUE = `
  select o.org_id as "orgId", o.id::text as id, o.vhost, o.exchange, o.routing_key as "routingKey",
    o.order_key as "orderKey", o.message_id as "messageId", o.body, o.attempts
  from unnest($1::uuid[]) as who (org_id) cross join lateral (
    select m.* from app.outbox m
     where m.org_id = who.org_id and m.next_try_at <= now() and m.id <> all ($3::int8[])
       and not exists (
         select from app.outbox before
          where before.org_id is not distinct from m.org_id and before.order_key = m.order_key and before.id < m.id
            and before.next_try_at > now() offset 0)
     order by m.id limit $2::int) o
  order by o.org_id, o.id`;

/**
 * The messages that are due, oldest first. Planned each time: the outbox is empty when a worker begins, and what is good for that
 * is not for thousands.
 *
 * @param organisations those in question; they have to be in scope
 * @param most of each organisation
 * @param but ids of those that are left out
 */
export function listDueMessages(
  trx: Trx,
  organisations: readonly string[],
  most: number,
  but: readonly string[] = [],
): Promise<OutboxMessage[]> {
  return trx.query<OutboxMessage>({ text: DUE, values: [plainArray(organisations), most, plainArray(but)] });
}

/** A message that could not be published. */
export interface FailedMessage {
  readonly id: string;
  readonly orderKey: string;
  /** One word, a colon, and what happened; at most 1,000 characters. */
  readonly trouble: string;
  /** When to try again. */
  readonly retryMs: number;
  /** The key whose virtual host does not let us in, and may be gone with it; null when that is not what is in the way. */
  readonly awayKeyId: string | null;
}

const DELETE = 'delete from app.outbox where org_id = $1::uuid and id = any ($2::int8[])';

const POSTPONE = `
  update app.outbox o
     set next_try_at = now() + f.retry_ms * interval '1 millisecond',
       attempts = o.attempts + case when o.id = f.id then 1 else 0 end,
       trouble = case when o.id = f.id then f.trouble else o.trouble end
    from unnest($2::int8[], $3::text[], $4::text[], $5::float8[]) as f (id, order_key, trouble, retry_ms)
   where o.org_id = $1::uuid and o.order_key = f.order_key and o.id >= f.id`;

const DROP = `
  with gone as (
    select distinct m.vhost
      from unnest($2::int8[], $3::uuid[]) as f (id, key_id) join app.outbox m on m.org_id = $1::uuid and m.id = f.id
     where not ${hasVhost('m.org_id', 'f.key_id')}),
  dropped as (delete from app.outbox o using gone where o.org_id = $1::uuid and o.vhost = gone.vhost returning o.id)
  select count(*)::int as n from dropped`;

/**
 * Writes down what became of one organisation's messages: what was published is gone, what failed waits, and with it what
 * stands behind it in its order. What is for a virtual host that went with its key, and was put in while it went, goes as well.
 *
 * @param failed at most one of each order
 * @returns how many messages could reach nobody any more
 */
export async function settleMessages(
  trx: Trx,
  orgId: string,
  { published, failed }: { readonly published: readonly string[]; readonly failed: readonly FailedMessage[] },
): Promise<number> {
  if (published.length > 0) deferPlannedAnew(trx, DELETE, [orgId, plainArray(published)]);
  if (failed.length === 0) return 0;
  postpone(trx, orgId, failed);
  const away = failed.flatMap(({ id, awayKeyId }) => (awayKeyId === null ? [] : [{ id, awayKeyId }]));
  if (away.length === 0) return 0;
  const [dropped] = await trx.query<{ n: number }>(
    prepared(DROP, [orgId, plainArray(away.map(({ id }) => id)), plainArray(away.map(({ awayKeyId }) => awayKeyId))]),
  );
  return dropped?.n ?? 0;
}

function postpone(trx: Trx, orgId: string, failed: readonly FailedMessage[]): void {
  deferPlannedAnew(trx, POSTPONE, [
    orgId,
    plainArray(failed.map(({ id }) => id)),
    textArray(failed.map(({ orderKey }) => orderKey)),
    textArray(failed.map(({ trouble }) => trouble)),
    plainArray(failed.map(({ retryMs }) => retryMs)),
  ]);
}

/** What waits to be published. */
export interface OutboxState {
  readonly depth: number;
  /** Age of the oldest message, in seconds; 0 when there is none. */
  readonly lagSeconds: number;
  /** How many messages had which trouble, by its first word. */
  readonly troubles: Readonly<Record<string, number>>;
}

const STATE = `
  select coalesce(sum(n), 0)::int as depth, greatest(extract(epoch from now() - min(oldest)), 0)::float8 as "lagSeconds",
    coalesce(jsonb_object_agg(trouble, n) filter (where trouble is not null), '{}') as troubles
  from (
    select split_part(trouble, ':', 1) as trouble, count(*) as n, min(created_at) as oldest from app.outbox group by 1) o`;

/** What waits to be published by the organisations in scope. */
export async function outboxState(trx: Trx): Promise<OutboxState> {
  const [state] = await trx.query<OutboxState>(prepared(STATE, []));
  if (state === undefined) throw new TypeError('an aggregate returned no row');
  return state;
}
