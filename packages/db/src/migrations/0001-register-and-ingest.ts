import type { Kysely, Migration } from 'kysely';
import { sql } from 'kysely';

/** The register, what the first two streams store, quarantine, counts, and the machinery of partitions. */
export const registerAndIngest: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await FUNCTIONS.execute(db);
    await REGISTER.execute(db);
    await REGISTER_VERSION.execute(db);
    await DISPATCHES.execute(db);
    await TELEMETRY.execute(db);
    await QUARANTINE.execute(db);
    await COUNTS.execute(db);
    await TENANCY.execute(db);
    await PARTITIONS.execute(db);
  },
};

const FUNCTIONS = sql`
  create function app.orgs() returns text language sql stable parallel safe
    return nullif(current_setting('app.orgs', true), '');

  create function app.instant_text(at timestamptz) returns text language sql stable parallel safe
    return case
      when date_trunc('second', at at time zone 'UTC') = at at time zone 'UTC'
        then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      when date_trunc('milliseconds', at at time zone 'UTC') = at at time zone 'UTC'
        then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      else to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    end;
`;

const REGISTER = sql`
  create table app.organisation (
    id uuid primary key,
    slug text collate "C" not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text not null check (length(name) between 1 and 200),
    queue_prefix text collate "C" unique check (queue_prefix ~ '^[a-z0-9][a-z0-9-]{0,48}[a-z0-9]$'),
    market_zone text not null,
    created_at timestamptz not null default now(),
    check (id <> '00000000-0000-0000-0000-000000000000')
  );

  create table app.org_head (
    org_id uuid primary key references app.organisation (id),
    known_at timestamptz not null
  );

  create table app.plant (
    org_id uuid not null references app.organisation (id),
    id uuid not null,
    external_plant_id text collate "C" check (length(external_plant_id) between 1 and 200),
    name text not null check (length(name) between 1 and 200),
    time_zone text not null,
    market_zone text not null,
    created_at timestamptz not null default now(),
    primary key (org_id, id),
    unique (org_id, external_plant_id)
  );

  create table app.device (
    org_id uuid not null,
    id uuid not null,
    plant_id uuid not null,
    kind text collate "C" not null check (length(kind) between 1 and 64),
    external_id text collate "C" not null check (length(external_id) between 1 and 200),
    name text not null check (length(name) between 1 and 200),
    created_at timestamptz not null default now(),
    primary key (org_id, id),
    unique (org_id, plant_id, external_id),
    foreign key (org_id, plant_id) references app.plant (org_id, id)
  );

  create table ops.asset_counter (
    region text collate "C" not null,
    delivery_area text collate "C" not null,
    code text collate "C" not null,
    last_number int not null check (last_number > 0),
    primary key (region, delivery_area, code)
  );

  create table app.asset (
    id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$'),
    org_id uuid not null references app.organisation (id),
    plant_id uuid,
    device_id uuid,
    code text collate "C" not null check (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
    name text not null check (length(name) between 1 and 200),
    type text collate "C" not null check (type in
      ('BESS', 'VBAT', 'PV', 'DAA_SWAP', 'DAA_SWAP_VBAT', 'GREY_COLOCATION', 'GREEN_COLOCATION')),
    region text collate "C" not null check (region in ('DE', 'PL')),
    delivery_area text collate "C" not null check (delivery_area in ('50HZ', 'AMPN', 'TNBW', 'TNNT', 'PSE')),
    provider text collate "C" not null check (provider in
      ('ENERGIEKOPPLER', 'ENTELIOS', 'EBX', 'TERRALAYR', 'TRANSITION_TECHNOLOGIES', 'ASSET_SIMULATOR', 'NFT')),
    lifecycle text collate "C" not null default 'DRAFT' check (lifecycle in
      ('DRAFT', 'COMMISSIONING', 'LIVE', 'SUSPENDED', 'DECOMMISSIONED')),
    go_live_date date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((region = 'PL') = (delivery_area = 'PSE')),
    foreign key (org_id, plant_id) references app.plant (org_id, id),
    foreign key (org_id, device_id) references app.device (org_id, id)
  );
  create index asset_by_organisation on app.asset (org_id, id);

  create table app.connection_point (
    id text collate "C" primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,119}$'),
    org_id uuid not null references app.organisation (id),
    plant_id uuid,
    code text collate "C" not null check (code ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
    name text not null check (length(name) between 1 and 200),
    region text collate "C" not null check (region in ('DE', 'PL')),
    delivery_area text collate "C" not null check (delivery_area in ('50HZ', 'AMPN', 'TNBW', 'TNNT', 'PSE')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((region = 'PL') = (delivery_area = 'PSE')),
    foreign key (org_id, plant_id) references app.plant (org_id, id)
  );
  create index connection_point_by_organisation on app.connection_point (org_id, id);

  create table app.external_id (
    scheme text collate "C" not null check (scheme ~ '^[a-z][a-z0-9_-]{0,63}$'),
    value text collate "C" not null check (length(value) between 1 and 200),
    org_id uuid not null references app.organisation (id),
    plant_id uuid,
    device_id uuid,
    primary key (scheme, value),
    check (num_nonnulls(plant_id, device_id) = 1),
    foreign key (org_id, plant_id) references app.plant (org_id, id),
    foreign key (org_id, device_id) references app.device (org_id, id)
  );
  create index external_id_by_organisation on app.external_id (org_id);
`;

const REGISTER_VERSION = sql`
  create table ops.register_version (
    only_row bool primary key default true check (only_row),
    version bigint not null
  );
  insert into ops.register_version (version) values (1);

  create function ops.raise_register_version() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
    begin
      update ops.register_version set version = version + 1;
      return null;
    end $$;

  create trigger raise_register_version after insert or update or delete or truncate on app.organisation
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.plant
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.device
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.asset
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.connection_point
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.external_id
    for each statement execute function ops.raise_register_version();
`;

const DISPATCHES = sql`
  create table app.dispatch (
    org_id uuid not null,
    event_id uuid not null,
    asset_id text collate "C" not null,
    source text not null check (length(source) between 1 and 200),
    published_at timestamptz not null,
    dispatch_time timestamptz not null,
    delivery_period_start timestamptz not null,
    delivery_day date not null,
    target_power_mw numeric not null check (abs(target_power_mw) < 1e12 and scale(target_power_mw) <= 6),
    nominal_power_mw numeric check (abs(nominal_power_mw) < 1e12 and scale(nominal_power_mw) <= 6),
    power_imbalance_mw numeric check (abs(power_imbalance_mw) < 1e12 and scale(power_imbalance_mw) <= 6),
    soc_imbalance_mwh numeric check (abs(soc_imbalance_mwh) < 1e12 and scale(soc_imbalance_mwh) <= 6),
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    received_at timestamptz not null,
    primary key (org_id, event_id)
  );
  create index dispatch_by_time on app.dispatch (org_id, asset_id, dispatch_time, event_id)
    include (source, published_at, delivery_period_start, delivery_day, target_power_mw, nominal_power_mw, power_imbalance_mw,
      soc_imbalance_mwh, received_at);
  create index dispatch_by_day on app.dispatch (org_id, asset_id, delivery_day, dispatch_time, event_id);

  create table app.receipt (
    org_id uuid not null,
    stream text collate "C" not null,
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    message_id text collate "C" not null check (length(message_id) between 1 and 200),
    outcome text collate "C" not null check (outcome in ('stored', 'revised', 'duplicate', 'rejected', 'quarantined')),
    body bytea not null,
    first_received_at timestamptz not null,
    last_received_at timestamptz not null,
    copies int not null check (copies > 0),
    primary key (org_id, stream, content_sha256, message_id)
  );
`;

const TELEMETRY = sql`
  create table app.telemetry_realtime (
    org_id uuid not null,
    plant_id uuid not null,
    measured_at timestamptz not null,
    grid_kw float8 check (abs(grid_kw) < 'Infinity'),
    pv_kw float8 check (abs(pv_kw) < 'Infinity'),
    battery_kw float8 check (abs(battery_kw) < 'Infinity'),
    consumption_kw float8 check (abs(consumption_kw) < 'Infinity'),
    soc_percent float8 check (abs(soc_percent) < 'Infinity'),
    battery_energy_kwh float8 check (abs(battery_energy_kwh) < 'Infinity'),
    battery_temperature_celsius float8 check (abs(battery_temperature_celsius) < 'Infinity'),
    operating_mode text check (length(operating_mode) between 1 and 100),
    data_quality text collate "C" not null check (data_quality in ('GOOD', 'INTERPOLATED', 'STALE', 'MISSING')),
    devices jsonb,
    message_id text not null check (length(message_id) between 1 and 200),
    published_at timestamptz not null,
    body_sha256 bytea not null check (octet_length(body_sha256) = 32),
    received_at timestamptz not null,
    primary key (org_id, plant_id, measured_at)
  ) partition by range (measured_at);

  create table app.telemetry_meter (
    org_id uuid not null,
    plant_id uuid not null,
    device_id text collate "C" not null check (length(device_id) between 1 and 64),
    register text collate "C" not null check (length(register) between 1 and 64),
    read_at timestamptz not null,
    role text check (length(role) between 1 and 64),
    value_kwh float8 check (abs(value_kwh) < 'Infinity'),
    data_quality text collate "C" not null check (data_quality in ('GOOD', 'INTERPOLATED', 'STALE', 'MISSING')),
    message_id text not null check (length(message_id) between 1 and 200),
    published_at timestamptz not null,
    body_sha256 bytea not null check (octet_length(body_sha256) = 32),
    received_at timestamptz not null,
    primary key (org_id, plant_id, device_id, register, read_at)
  ) partition by range (read_at);
`;

const QUARANTINE = sql`
  create table app.quarantine (
    org_id uuid not null,
    id uuid not null,
    stream text collate "C" not null,
    queue text not null,
    exchange text not null,
    routing_key text collate "C" not null,
    message_id text,
    properties jsonb not null,
    body bytea not null,
    body_sha256 bytea not null check (octet_length(body_sha256) = 32),
    body_bytes int not null,
    reason text collate "C" not null check (reason ~ '^[a-z_]{1,40}$'),
    path text,
    detail text not null,
    replayable bool not null,
    worker text not null,
    first_seen timestamptz not null,
    last_seen timestamptz not null,
    copies int not null check (copies > 0),
    state text collate "C" not null default 'open' check (state in ('open', 'replayed', 'discarded')),
    primary key (org_id, id),
    unique (org_id, stream, routing_key, body_sha256, reason)
  );
  create index quarantine_by_time on app.quarantine (org_id, first_seen, id);
`;

const COUNTS = sql`
  create table app.ingest_minute (
    org_id uuid not null,
    minute timestamptz not null check (extract(second from minute) = 0),
    stream text collate "C" not null,
    worker text collate "C" not null,
    outcome text collate "C" not null check (outcome in ('stored', 'revised', 'duplicate', 'rejected', 'quarantined')),
    redelivered bool not null,
    n bigint not null check (n > 0),
    primary key (org_id, minute, stream, worker, outcome, redelivered)
  );

  create table ops.ingest_progress (
    worker text collate "C" not null,
    stream text collate "C" not null,
    batch_no bigint not null,
    primary key (worker, stream)
  );
`;

const TENANCY = sql`
  create function ops.limit_to_organisations(tenant_table regclass) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
    as $$
    begin
      execute format('alter table %s enable row level security', tenant_table);
      execute format('alter table %s force row level security', tenant_table);
      execute format(
        'create policy tenant on %s using (org_id = any ((select app.orgs())::uuid[]))
           with check (org_id = any ((select app.orgs())::uuid[]))', tenant_table);
    end $$;
  revoke all on function ops.limit_to_organisations (regclass) from public;

  select ops.limit_to_organisations(c.oid)
    from pg_catalog.pg_class c
   where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'organisation';

  alter table app.organisation enable row level security;
  alter table app.organisation force row level security;
  create policy tenant on app.organisation using (id = any ((select app.orgs())::uuid[]))
    with check (id = any ((select app.orgs())::uuid[]));
  create policy register on app.organisation for select to quarterhour_ingest, quarterhour_owner using (true);
`;

const PARTITIONS = sql`
  create table ops.stream (
    name text collate "C" primary key,
    retention interval not null,
    future_tolerance interval not null,
    partitions_ahead interval not null,
    tables text[] not null
  );
  insert into ops.stream (name, retention, future_tolerance, partitions_ahead, tables) values
    ('plant-telemetry', '396 days', '5 minutes', '7 days', '{telemetry_realtime,telemetry_meter}');

  create function ops.ensure_partition(stream text, day date) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
    declare
      defined ops.stream;
      parent text;
      child text;
    begin
      select s.* into defined from ops.stream s where s.name = stream;
      if not found then
        raise exception 'there is no partitioned stream %', stream using errcode = 'invalid_parameter_value';
      end if;
      if day < ((clock_timestamp() - defined.retention) at time zone 'UTC')::date
        or day > ((clock_timestamp() + defined.partitions_ahead) at time zone 'UTC')::date then
        raise exception 'day % is outside the window of stream %', day, stream using errcode = 'invalid_parameter_value';
      end if;

      perform pg_advisory_xact_lock(hashtextextended('quarterhour.ensure_partition', 0));
      foreach parent in array defined.tables loop
        child := format('%s_p%s', parent, to_char(day, 'YYYYMMDD'));
        continue when to_regclass(format('app.%I', child)) is not null;
        execute format('create table app.%I (like app.%I including all)', child, parent);
        perform ops.limit_to_organisations(format('app.%I', child)::regclass);
        execute format('alter table app.%I attach partition app.%I for values from (%L) to (%L)',
          parent, child, to_char(day, 'YYYY-MM-DD 00:00:00+00'), to_char(day + 1, 'YYYY-MM-DD 00:00:00+00'));
      end loop;
    end $$;
  revoke all on function ops.ensure_partition (text, date) from public;
`;
