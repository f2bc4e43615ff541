import type { Kysely, Migration } from 'kysely';
import { sql } from 'kysely';

/** Versions of an asset's technical data; connection points with how they are dispatched, their inverters, and limits of both. */
export const specsAndSites: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await SPECS.execute(db);
    await CONNECTION_POINTS.execute(db);
    await INVERTERS.execute(db);
    await LIMITS.execute(db);
    await TENANCY.execute(db);
  },
};

/**
 * An open end counts as infinity, so that of one asset at most one version has one. The constraint needs btree_gist, which
 * migrating makes sure of.
 */
const SPECS = sql`
  create table app.asset_spec (
    org_id uuid not null,
    asset_id text collate "C" not null references app.asset (id),
    valid_from timestamptz not null,
    valid_to timestamptz check (valid_to > valid_from),
    rated_power_mw numeric check (abs(rated_power_mw) < 1e12 and scale(rated_power_mw) <= 6),
    grid_connection_max_power_mw numeric
      check (abs(grid_connection_max_power_mw) < 1e12 and scale(grid_connection_max_power_mw) <= 6),
    max_capacity_mwh numeric check (abs(max_capacity_mwh) < 1e12 and scale(max_capacity_mwh) <= 6),
    ramp_rate_mw_per_minute numeric
      check (abs(ramp_rate_mw_per_minute) < 1e12 and scale(ramp_rate_mw_per_minute) <= 6),
    ramp_type text check (length(ramp_type) between 1 and 200),
    charge_efficiency numeric check (charge_efficiency > 0 and charge_efficiency <= 1 and scale(charge_efficiency) <= 6),
    discharge_efficiency numeric
      check (discharge_efficiency > 0 and discharge_efficiency <= 1 and scale(discharge_efficiency) <= 6),
    daily_cycle_energy_limit_mwh numeric
      check (abs(daily_cycle_energy_limit_mwh) < 1e12 and scale(daily_cycle_energy_limit_mwh) <= 6),
    prequalified_fcr_mw numeric check (abs(prequalified_fcr_mw) < 1e12 and scale(prequalified_fcr_mw) <= 6),
    prequalified_afrr_charge_mw numeric
      check (abs(prequalified_afrr_charge_mw) < 1e12 and scale(prequalified_afrr_charge_mw) <= 6),
    prequalified_afrr_discharge_mw numeric
      check (abs(prequalified_afrr_discharge_mw) < 1e12 and scale(prequalified_afrr_discharge_mw) <= 6),
    created_at timestamptz not null,
    received_at timestamptz not null,
    primary key (org_id, asset_id, valid_from),
    constraint asset_spec_apart
      exclude using gist (org_id with =, asset_id with =, tstzrange(valid_from, valid_to) with &&)
  );

  create table app.asset_spec_history (
    like app.asset_spec including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, asset_id, valid_from, received_at)
  );
`;

/** Prices of one connection point are of one currency. */
const CONNECTION_POINTS = sql`
  alter table app.connection_point
    add column dispatch_mode text collate "C" not null default 'MANUAL' check (dispatch_mode in ('PRICE_BASED', 'MANUAL')),
    add column floor_price numeric check (abs(floor_price) < 1e12 and scale(floor_price) <= 6),
    add column strike_price numeric check (abs(strike_price) < 1e12 and scale(strike_price) <= 6),
    add column price_unit text collate "C" check (price_unit in ('EUR/MWh', 'PLN/MWh')),
    add column last_inverter_number int not null default 0 check (last_inverter_number >= 0),
    add check ((price_unit is null) = (num_nonnulls(floor_price, strike_price) = 0)),
    add check (price_unit = 'EUR/MWh' or region = 'PL'),
    add check (floor_price <= strike_price);
  alter table app.connection_point
    alter column dispatch_mode drop default,
    alter column created_at drop default,
    alter column updated_at drop default;

  create table ops.connection_point_counter (
    region text collate "C" not null,
    delivery_area text collate "C" not null,
    code text collate "C" not null,
    last_number int not null check (last_number > 0),
    primary key (region, delivery_area, code)
  );
`;

const INVERTERS = sql`
  create table app.inverter (
    id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,139}$'),
    org_id uuid not null references app.organisation (id),
    connection_point_id text collate "C" not null references app.connection_point (id),
    number int not null check (number > 0),
    rated_power_mw numeric not null check (abs(rated_power_mw) < 1e12 and scale(rated_power_mw) <= 6),
    charge_efficiency numeric not null
      check (charge_efficiency > 0 and charge_efficiency <= 1 and scale(charge_efficiency) <= 6),
    discharge_efficiency numeric not null
      check (discharge_efficiency > 0 and discharge_efficiency <= 1 and scale(discharge_efficiency) <= 6),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (org_id, connection_point_id, number)
  );

  create table app.inverter_asset (
    org_id uuid not null,
    inverter_id text collate "C" not null references app.inverter (id),
    asset_id text collate "C" not null references app.asset (id),
    primary key (org_id, inverter_id, asset_id)
  );
  create index inverter_asset_by_asset on app.inverter_asset (org_id, asset_id);
`;

const LIMITS = sql`
  create table app.connection_point_limit (
    org_id uuid not null,
    connection_point_id text collate "C" not null references app.connection_point (id),
    start_time timestamptz not null,
    end_time timestamptz not null check (end_time > start_time),
    max_import_mw numeric not null check (abs(max_import_mw) < 1e12 and scale(max_import_mw) <= 6),
    max_export_mw numeric not null check (abs(max_export_mw) < 1e12 and scale(max_export_mw) <= 6),
    received_at timestamptz not null,
    primary key (org_id, connection_point_id, start_time)
  );
  create table app.connection_point_limit_history (
    like app.connection_point_limit including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, connection_point_id, start_time, received_at)
  );

  create table app.inverter_limit (
    org_id uuid not null,
    inverter_id text collate "C" not null references app.inverter (id),
    start_time timestamptz not null,
    end_time timestamptz not null check (end_time > start_time),
    max_import_mw numeric not null check (abs(max_import_mw) < 1e12 and scale(max_import_mw) <= 6),
    max_export_mw numeric not null check (abs(max_export_mw) < 1e12 and scale(max_export_mw) <= 6),
    received_at timestamptz not null,
    primary key (org_id, inverter_id, start_time)
  );
  create table app.inverter_limit_history (
    like app.inverter_limit including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, inverter_id, start_time, received_at)
  );
`;

const TENANCY = sql`
  select ops.limit_to_organisations(t)
    from unnest('{app.asset_spec,app.asset_spec_history,app.inverter,app.inverter_asset,app.connection_point_limit,
      app.connection_point_limit_history,app.inverter_limit,app.inverter_limit_history}'::regclass[]) t;
`;
