import { sql, type Migration } from 'kysely';

/**
 * What is agreed about assets by time: snapshots of stored energy, and limits, forecasts and reservations by delivery
 * period. Each table holds what is current; `updated_at` is the stamp of the transaction that wrote the version. What a
 * later one displaced stands in the table's history until `displaced_at`.
 */
export const periods: Migration = {
  async up(db) {
    await STATE_SNAPSHOTS.execute(db);
    await PERIOD_LIMITS.execute(db);
    await FORECASTS.execute(db);
    await RESERVATIONS.execute(db);
    await HISTORY.execute(db);
    await TENANCY.execute(db);
  },
};

const STATE_SNAPSHOTS = sql`
  create table app.state_snapshot (
    org_id uuid not null,
    asset_id text collate "C" not null,
    effective_at timestamptz not null,
    stored_energy_mwh numeric not null check (abs(stored_energy_mwh) < 1e12 and scale(stored_energy_mwh) <= 6),
    reading_quality text collate "C" not null check (reading_quality in ('VALID', 'ESTIMATED', 'INVALID')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org_id, asset_id, effective_at)
  );
`;

/** A limit ends a quarter hour after its start: that is computed, so that it cannot be otherwise. */
const PERIOD_LIMITS = sql`
  create table app.period_limit (
    org_id uuid not null,
    asset_id text collate "C" not null,
    start_time timestamptz not null check (date_bin('15 minutes', start_time, 'epoch') = start_time),
    source text collate "C" not null check (source in ('REPORTED', 'OPERATIONS', 'CUSTOMER', 'PV', 'AVAILABILITY')),
    delivery_day date not null,
    power_charge_mw numeric check (abs(power_charge_mw) < 1e12 and scale(power_charge_mw) <= 6),
    power_discharge_mw numeric check (abs(power_discharge_mw) < 1e12 and scale(power_discharge_mw) <= 6),
    energy_low_mwh numeric check (abs(energy_low_mwh) < 1e12 and scale(energy_low_mwh) <= 6),
    energy_high_mwh numeric check (abs(energy_high_mwh) < 1e12 and scale(energy_high_mwh) <= 6),
    trading_locked bool,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org_id, asset_id, start_time, source),
    check (num_nonnulls(power_charge_mw, power_discharge_mw, energy_low_mwh, energy_high_mwh, trading_locked) > 0)
  );
`;

const FORECASTS = sql`
  create table app.forecast (
    org_id uuid not null,
    asset_id text collate "C" not null,
    start_time timestamptz not null check (date_bin('15 minutes', start_time, 'epoch') = start_time),
    end_time timestamptz not null check (date_bin('15 minutes', end_time, 'epoch') = end_time),
    delivery_day date not null,
    generation_mw numeric check (abs(generation_mw) < 1e12 and scale(generation_mw) <= 6),
    consumption_mw numeric check (abs(consumption_mw) < 1e12 and scale(consumption_mw) <= 6),
    import_fee_eur_per_mwh numeric check (abs(import_fee_eur_per_mwh) < 1e12 and scale(import_fee_eur_per_mwh) <= 6),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org_id, asset_id, start_time),
    check (end_time > start_time),
    check (num_nonnulls(generation_mw, consumption_mw) > 0)
  );
`;

const RESERVATIONS = sql`
  create table app.reservation (
    org_id uuid not null,
    asset_id text collate "C" not null,
    start_time timestamptz not null check (date_bin('15 minutes', start_time, 'epoch') = start_time),
    market text collate "C" not null check (length(market) between 1 and 64),
    source text collate "C" not null check (source in ('OPTIMISATION', 'EXTERNAL', 'DAA_SWAP')),
    end_time timestamptz not null check (date_bin('15 minutes', end_time, 'epoch') = end_time),
    delivery_day date not null,
    power_mw numeric not null check (abs(power_mw) < 1e12 and scale(power_mw) <= 6),
    energy_change_mwh numeric not null check (abs(energy_change_mwh) < 1e12 and scale(energy_change_mwh) <= 6),
    energy_buffer_low_mwh numeric not null
      check (abs(energy_buffer_low_mwh) < 1e12 and scale(energy_buffer_low_mwh) <= 6),
    energy_buffer_high_mwh numeric not null
      check (abs(energy_buffer_high_mwh) < 1e12 and scale(energy_buffer_high_mwh) <= 6),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org_id, asset_id, start_time, market, source),
    check (end_time > start_time)
  );
`;

const HISTORY = sql`
  create table app.state_snapshot_history (
    like app.state_snapshot including constraints,
    displaced_at timestamptz not null check (displaced_at > updated_at),
    primary key (org_id, asset_id, effective_at, displaced_at)
  );
  create table app.period_limit_history (
    like app.period_limit including constraints,
    displaced_at timestamptz not null check (displaced_at > updated_at),
    primary key (org_id, asset_id, start_time, source, displaced_at)
  );
  create table app.forecast_history (
    like app.forecast including constraints,
    displaced_at timestamptz not null check (displaced_at > updated_at),
    primary key (org_id, asset_id, start_time, displaced_at)
  );
  create table app.reservation_history (
    like app.reservation including constraints,
    displaced_at timestamptz not null check (displaced_at > updated_at),
    primary key (org_id, asset_id, start_time, market, source, displaced_at)
  );
`;

const TENANCY = sql`
  select ops.limit_to_organisations('app.state_snapshot'::regclass);
  select ops.limit_to_organisations('app.state_snapshot_history'::regclass);
  select ops.limit_to_organisations('app.period_limit'::regclass);
  select ops.limit_to_organisations('app.period_limit_history'::regclass);
  select ops.limit_to_organisations('app.forecast'::regclass);
  select ops.limit_to_organisations('app.forecast_history'::regclass);
  select ops.limit_to_organisations('app.reservation'::regclass);
  select ops.limit_to_organisations('app.reservation_history'::regclass);
`;
