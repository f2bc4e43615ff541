import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { queryPage, type KeyColumns, type Projection } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';
import type { PlantRow } from './register.js';

type Site = Pick<PlantRow, 'orgId' | 'id'>;

/** Columns that a projection of what a partner commanded may show. */
export type SiteCommandColumn =
  | 'id'
  | 'command_type'
  | 'message_id'
  | 'correlation_id'
  | 'priority'
  | 'payload'
  | 'status'
  | 'ack_status'
  | 'rejection_reason'
  | 'execution_reason'
  | 'valid_from'
  | 'valid_until'
  | 'received_at'
  | 'executed_at';

const KEY: KeyColumns<{ readonly id: string }> = { id: { column: 'id', as: 'uuid' } };

/**
 * Commands and schedules of a site, newest first, as a JSON array: those that are pending, however old, and whatever was
 * received within the last hours.
 *
 * @param hours 0 for the pending ones alone
 */
export async function listSiteCommands(
  trx: Trx,
  { site, hours, limit }: { readonly site: Site; readonly hours: number; readonly limit: number },
  projection: Projection<SiteCommandColumn>,
): Promise<string> {
  const parameters = new StatementParameters();
  const ofSite = `l.org_id = ${parameters.bind(site.orgId)}::uuid and l.plant_id = ${parameters.bind(site.id)}::uuid`;
  const back = `${parameters.bind(hours)}::float8`;
  const isRecent = `${back} > 0 and l.created_at > now() - ${back} * interval '1 hour'`;
  const most = `order by l.created_at desc, l.id desc limit ${parameters.bind(limit)}::int8`;
  const rows = `
    select * from (
      (select l.* from app.command_log l where ${ofSite} and ${isRecent} ${most})
      union all
      (select l.* from app.command_log l where ${ofSite} and l.status = 'PENDING' and not (${isRecent}) ${most})
    ) l ${most}`;
  const { json } = await queryPage(trx, { rows, parameters, projection, key: KEY, limit });
  return json;
}

/** A mode that a partner set and that holds. */
export interface ModeOverride {
  readonly commandId: string;
  readonly mode: string;
  readonly since: UtcInstant;
  readonly until: UtcInstant | null;
}

const MODE = `
  select l.id as "commandId", l.payload ->> 'mode' as mode, app.instant_text(l.executed_at) as since,
    app.instant_text(l.valid_until) as until
  from app.command_log l
  where l.org_id = $1::uuid and l.plant_id = $2::uuid and l.command_type = 'MODE_CHANGE' and l.status = 'EXECUTED'
  order by l.executed_at desc, l.id desc limit 1`;

const HOLDS = `select * from (${MODE}) m where m.until is null or m.until::timestamptz > now()`;

/** The mode that was set last at a site, if it still holds; null otherwise. */
export async function findModeOverride(trx: Trx, { orgId, id }: Site): Promise<ModeOverride | null> {
  const [found] = await trx.query<ModeOverride>(prepared(HOLDS, [orgId, id]));
  return found ?? null;
}

/** A schedule that holds now, with the slot that it is in. */
export interface ActiveSchedule {
  readonly scheduleId: string;
  readonly priority: string;
  readonly validFrom: UtcInstant;
  readonly validUntil: UtcInstant;
  /** As it was sent; null in a gap between two slots. */
  readonly slot: unknown;
}

const SCHEDULE = `
  select s.schedule_id as "scheduleId", s.priority, app.instant_text(s.valid_from) as "validFrom",
    app.instant_text(s.valid_until) as "validUntil", slot.value as slot
  from app.schedule s left join lateral (
    select e.value from jsonb_array_elements(s.slots) e
     where (e.value ->> 'from')::timestamptz <= now() and (e.value ->> 'to')::timestamptz > now() limit 1) slot on true
  where s.org_id = $1::uuid and s.plant_id = $2::uuid and s.cancelled_at is null and s.valid_from <= now()
    and s.valid_until > now()
  order by slot.value is null, array_position(array['EMERGENCY', 'HIGH', 'NORMAL'], s.priority), s.created_at desc, s.id desc
  limit 1`;

/**
 * The schedule that a site goes by: one with a slot now before one in a gap, then by priority, then the later one. Null when
 * none holds.
 */
export async function findActiveSchedule(trx: Trx, { orgId, id }: Site): Promise<ActiveSchedule | null> {
  const [found] = await trx.query<ActiveSchedule>(prepared(SCHEDULE, [orgId, id]));
  return found ?? null;
}

/** What a partner last said about one subject of a site. */
export interface SiteConfig {
  readonly messageId: string;
  readonly since: UtcInstant;
  /** The payload, a JSON object. */
  readonly values: unknown;
}

const CONFIG = `
  select e.message_id as "messageId", app.instant_text(e.occurred_at) as since, e.payload as values
  from app.trading_config_event e
  where e.org_id = $1::uuid and e.plant_id = $2::uuid and e.kind = $3 and e.origin = 'partner'
  order by e.occurred_at desc, e.received_at desc, e.place desc limit 1`;

/** What holds of a subject, by the clock of whoever said it; null when nothing was said. */
export async function findSiteConfig(trx: Trx, { orgId, id }: Site, subject: string): Promise<SiteConfig | null> {
  const [found] = await trx.query<SiteConfig>(prepared(CONFIG, [orgId, id, subject]));
  return found ?? null;
}

const OPERATING_MODE = `
  select t.operating_mode as mode from app.telemetry_realtime t
  where t.org_id = $1::uuid and t.plant_id = $2::uuid and t.measured_at > now() - interval '2 days'
  order by t.measured_at desc limit 1`;

/** The mode that a site's newest sample of the last two days names; null when it names none. */
export async function findOperatingMode(trx: Trx, { orgId, id }: Site): Promise<string | null> {
  const [found] = await trx.query<{ mode: string | null }>(prepared(OPERATING_MODE, [orgId, id]));
  return found?.mode ?? null;
}
