import type { Kysely, Migration } from 'kysely';
import { sql } from 'kysely';

/** What telemetry adds up to per quarter hour, hour and day, and the list of quarter hours that changed since. */
export const rollups: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await DIRTY_PERIODS.execute(db);
    await ROLLUPS.execute(db);
  },
};

/** Only ever added to by those who store, so that nobody waits for anybody; one job takes from it what is committed. */
const DIRTY_PERIODS = sql`
  create table app.dirty_period (
    org_id uuid not null,
    plant_id uuid not null,
    starts_at timestamptz not null
  );
  create index dirty_period_by_plant on app.dirty_period (org_id, plant_id, starts_at);
  select ops.limit_to_organisations('app.dirty_period'::regclass);
`;

/** `changed_at` is the newest stamp among the samples: the row holds as of every mark from there on. */
const ROLLUPS = sql`
  create table app.telemetry_rollup (
    org_id uuid not null,
    plant_id uuid not null,
    span text collate "C" not null check (span in ('quarter', 'hour', 'day')),
    starts_at timestamptz not null,
    samples int not null check (samples > 0),
    changed_at timestamptz not null,
    grid_n int not null, grid_sum float8, grid_min float8, grid_max float8, grid_first float8, grid_last float8,
    pv_n int not null, pv_sum float8, pv_min float8, pv_max float8, pv_first float8, pv_last float8,
    battery_n int not null, battery_sum float8, battery_min float8, battery_max float8, battery_first float8,
      battery_last float8,
    inverter_n int not null, inverter_sum float8, inverter_min float8, inverter_max float8, inverter_first float8,
      inverter_last float8,
    consumption_n int not null, consumption_sum float8, consumption_min float8, consumption_max float8,
      consumption_first float8, consumption_last float8,
    soc_n int not null, soc_sum float8, soc_min float8, soc_max float8, soc_first float8, soc_last float8,
    primary key (org_id, plant_id, span, starts_at)
  );
  select ops.limit_to_organisations('app.telemetry_rollup'::regclass);

  select set_config('app.orgs', (select coalesce(array_agg(id), '{}')::text from app.organisation), true);
  insert into app.dirty_period (org_id, plant_id, starts_at)
  select distinct t.org_id, t.plant_id, date_bin('15 minutes', t.measured_at, timestamptz 'epoch')
    from app.telemetry_realtime t;
  select set_config('app.orgs', '', true);
`;
