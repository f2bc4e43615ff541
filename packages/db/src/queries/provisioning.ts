import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

const isClosed = (orgId: string): string =>
  `exists (select from app.trading_config g where g.org_id = ${orgId} and g.state = 'DISABLED')`;

/** Whether a key has a virtual host, or is about to have one, as a condition. */
export const hasVhost = (orgId: string, keyId: string): string => `
  (exists (select from app.partner_vhost v where v.org_id = ${orgId} and v.key_id = ${keyId})
    or exists (select from app.api_key k where k.org_id = ${orgId} and k.id = ${keyId} and k.revoked_at is null
      and coalesce(k.expires_at > clock_timestamp(), true) and not ${isClosed('k.org_id')}))`;

/** A virtual host that should be on the broker, or may be. */
export interface PartnerVhostRow {
  readonly keyId: string;
  /** Whether the key that it belongs to is neither revoked nor, by the database's clock, expired. */
  readonly isLive: boolean;
  /** Whether it was ever about to be made, and is not known to be gone. */
  readonly mayExist: boolean;
}

const IS_LIVE = '(k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp()))';

const VHOSTS = `
  select k.id as "keyId", ${IS_LIVE} as "isLive", v.key_id is not null as "mayExist"
    from app.api_key k left join app.partner_vhost v on v.org_id = k.org_id and v.key_id = k.id
   where k.org_id = $1::uuid and (v.key_id is not null or ${IS_LIVE})
   order by k.created_at, k.id`;

/** Virtual hosts of an organisation: of its live keys, and those of others that are not gone yet. */
export function listPartnerVhosts(trx: Trx, orgId: string): Promise<PartnerVhostRow[]> {
  return trx.query<PartnerVhostRow>(prepared(VHOSTS, [orgId]));
}

const KEEP = `
  insert into app.partner_vhost (org_id, key_id) values ($1::uuid, $2::uuid) on conflict (org_id, key_id) do nothing`;

/** Writes down that a key's virtual host may be on the broker. To be committed before it is made. */
export async function keepPartnerVhost(trx: Trx, orgId: string, keyId: string): Promise<void> {
  await trx.query(prepared(KEEP, [orgId, keyId]));
}

const FORGET = 'delete from app.partner_vhost where org_id = $1::uuid and key_id = $2::uuid returning key_id';

/** Writes down that a key's virtual host is gone. @returns whether it was there as far as we knew */
export async function forgetPartnerVhost(trx: Trx, orgId: string, keyId: string): Promise<boolean> {
  return (await trx.query(prepared(FORGET, [orgId, keyId]))).length > 0;
}

const BEHIND = `
  select c.org_id as "orgId" from app.trading_config c
   where c.wanted_version <> c.provisioned_version or c.provision_error is not null
  union
  select k.org_id from app.api_key k join app.trading_config c on c.org_id = k.org_id
    left join app.partner_vhost v on v.org_id = k.org_id and v.key_id = k.id
   where case when ${IS_LIVE} then v.key_id is null and c.state <> 'DISABLED' else v.key_id is not null end
   order by 1`;

/**
 * Organisations in scope for which the broker may not look as it has to: something was decided since it did, something
 * stood in the way, or a key has expired.
 */
export async function listUnprovisioned(trx: Trx): Promise<string[]> {
  const rows = await trx.query<{ orgId: string }>(prepared(BEHIND, []));
  return rows.map(({ orgId }) => orgId);
}

/** How a partner's queue stood when it was last looked at. Rates are messages per second, as the broker averages them. */
export interface PartnerQueueRow {
  readonly vhost: string;
  readonly name: string;
  /** Seen from us; `dead` is where the broker puts what it gives up on. */
  readonly direction: 'inbound' | 'outbound' | 'dead';
  readonly ready: number;
  readonly unsettled: number;
  readonly consumers: number;
  readonly publishRate: number;
  readonly deliverRate: number;
  /** Messages that were dropped because the queue was full, as far as was seen; never falls while the queue is there. */
  readonly dropped: number;
}

const RECORD = `
  with seen as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int4[], $8::float8[], $9::float8[],
        $10::int8[])
      as s (vhost, name, direction, ready, unsettled, consumers, publish_rate, deliver_rate, dropped)
  ), gone as (
    delete from app.partner_queue q
     where q.org_id = $1::uuid and (q.vhost, q.name) not in (select vhost, name from seen)
  )
  insert into app.partner_queue (org_id, vhost, name, direction, ready, unsettled, consumers, publish_rate, deliver_rate,
    dropped, sampled_at)
  select $1::uuid, vhost, name, direction, ready, unsettled, consumers, publish_rate, deliver_rate, dropped, clock_timestamp()
    from seen
  on conflict (org_id, vhost, name) do update
    set direction = excluded.direction, ready = excluded.ready, unsettled = excluded.unsettled,
      consumers = excluded.consumers, publish_rate = excluded.publish_rate, deliver_rate = excluded.deliver_rate,
      dropped = greatest(app.partner_queue.dropped, excluded.dropped), sampled_at = excluded.sampled_at`;

/** Replaces what is known of an organisation's queues. */
export async function recordPartnerQueues(trx: Trx, orgId: string, queues: readonly PartnerQueueRow[]): Promise<void> {
  await trx.query(
    prepared(RECORD, [
      orgId,
      textArray(queues.map(({ vhost }) => vhost)),
      textArray(queues.map(({ name }) => name)),
      textArray(queues.map(({ direction }) => direction)),
      plainArray(queues.map(({ ready }) => ready)),
      plainArray(queues.map(({ unsettled }) => unsettled)),
      plainArray(queues.map(({ consumers }) => consumers)),
      plainArray(queues.map(({ publishRate }) => publishRate)),
      plainArray(queues.map(({ deliverRate }) => deliverRate)),
      plainArray(queues.map(({ dropped }) => dropped)),
    ]),
  );
}

/** The same as it was kept. */
export interface SampledQueue extends PartnerQueueRow {
  readonly orgId: string;
  readonly sampledAt: UtcInstant;
}

const SAMPLED = `
  select q.org_id as "orgId", q.vhost, q.name, q.direction, q.ready::float8 as ready, q.unsettled::float8 as unsettled,
    q.consumers, q.publish_rate as "publishRate", q.deliver_rate as "deliverRate",
    q.dropped::float8 as dropped, app.instant_text(q.sampled_at) as "sampledAt"
  from app.partner_queue q order by q.org_id, q.vhost, q.name`;

/** What is known of the queues of the organisations in scope. */
export function listPartnerQueues(trx: Trx): Promise<SampledQueue[]> {
  return trx.query<SampledQueue>(prepared(SAMPLED, []));
}
