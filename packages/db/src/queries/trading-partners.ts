import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** When an organisation's plants were last heard of, and how much of late. */
export interface PartnerTraffic {
  readonly orgId: string;
  /** Start of the last minute in which telemetry arrived, whatever became of it; null when none ever did. */
  readonly lastMinute: UtcInstant | null;
  /** Seconds between then and now, by the database's clock. */
  readonly ageSeconds: number | null;
  /** Mean over the last five minutes. */
  readonly perMinute: number;
}

const TRAFFIC = `
  select o.org_id as "orgId", app.instant_text(last.minute) as "lastMinute",
    extract(epoch from clock_timestamp() - last.minute)::float8 as "ageSeconds",
    coalesce(recent.n, 0)::float8 / 5 as "perMinute"
  from unnest((select app.orgs())::uuid[]) as o (org_id)
  left join lateral (
    select m.minute from app.ingest_minute m where m.org_id = o.org_id and m.stream = 'plant-telemetry'
     order by m.minute desc limit 1) last on true
  left join lateral (
    select sum(m.n) as n from app.ingest_minute m
     where m.org_id = o.org_id and m.stream = 'plant-telemetry'
       and m.minute >= date_trunc('minute', clock_timestamp()) - interval '5 minutes'
       and m.minute < date_trunc('minute', clock_timestamp())) recent on true`;

/** The traffic of every organisation in scope. */
export function listPartnerTraffic(trx: Trx): Promise<PartnerTraffic[]> {
  return trx.query<PartnerTraffic>(prepared(TRAFFIC, []));
}

/** A key that was not revoked. */
export interface PartnerKey {
  readonly orgId: string;
  readonly id: string;
  readonly name: string;
  readonly isExpired: boolean;
  readonly expiresAt: UtcInstant | null;
  /** Coarse; null when it was never used. */
  readonly lastUsedAt: UtcInstant | null;
  /** Telemetry events that were given up because its virtual host did not take them. */
  readonly dropped: number;
  /** When that was last; null when there are none. */
  readonly lastDroppedAt: UtcInstant | null;
}

const KEYS = `
  select k.org_id as "orgId", k.id, k.name, coalesce(k.expires_at <= clock_timestamp(), false) as "isExpired",
    app.instant_text(k.expires_at) as "expiresAt", app.instant_text(u.last_used_at) as "lastUsedAt",
    coalesce(d.dropped, 0)::float8 as dropped, app.instant_text(d.last_at) as "lastDroppedAt"
  from app.api_key k left join app.api_key_use u on u.org_id = k.org_id and u.key_id = k.id
    left join app.fan_out_drop d on d.org_id = k.org_id and d.key_id = k.id
  where k.revoked_at is null order by k.org_id, k.created_at, k.id`;

/** Keys of the organisations in scope that were not revoked, oldest first within each. */
export function listPartnerKeys(trx: Trx): Promise<PartnerKey[]> {
  return trx.query<PartnerKey>(prepared(KEYS, []));
}
