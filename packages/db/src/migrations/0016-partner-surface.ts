import { sql, type Migration } from 'kysely';

/**
 * What partners were not told of their telemetry, and what they ask about their sites; places on the broker are looked at
 * again, as they hold one queue more.
 */
export const partnerSurface: Migration = {
  async up(db) {
    await DROPS.execute(db);
    await SITES.execute(db);
    await PROVISIONED_ANEW.execute(db);
  },
};

const DROPS = sql`
  create table app.fan_out_drop (
    org_id uuid not null,
    key_id uuid not null,
    dropped int8 not null check (dropped > 0),
    last_at timestamptz not null,
    primary key (org_id, key_id)
  );
  select ops.limit_to_organisations('app.fan_out_drop'::regclass);

  alter table app.partner_queue add column dropped int8 not null default 0 check (dropped >= 0);
`;

const SITES = sql`
  create index command_log_pending on app.command_log (org_id, plant_id, created_at, id) where status = 'PENDING';
  create index command_log_modes on app.command_log (org_id, plant_id, executed_at, id)
    where command_type = 'MODE_CHANGE' and status = 'EXECUTED';
  create index trading_config_event_of_plant on app.trading_config_event (org_id, plant_id, kind, occurred_at)
    where plant_id is not null;
`;

/** The migration's role is bound by row-level security, too. */
const PROVISIONED_ANEW = sql`
  select set_config('app.orgs', (select '{' || string_agg(id::text, ',') || '}' from app.organisation), true);
  update app.trading_config set wanted_version = wanted_version + 1 where state <> 'DISABLED';
  select set_config('app.orgs', '', true);
`;
