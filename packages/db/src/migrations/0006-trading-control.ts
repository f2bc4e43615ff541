import type { Kysely, Migration } from 'kysely';
import { sql } from 'kysely';

/** How each partner's trading stands, the keys that it holds, what is to be published, and what was commanded. */
export const tradingControl: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await TRADING_CONFIG.execute(db);
    await API_KEYS.execute(db);
    await OUTBOX.execute(db);
    await COMMAND_LOG.execute(db);
    await TENANCY.execute(db);
  },
};

/**
 * `wanted_version` is raised by whatever changes what the broker must look like for an organisation; it is
 * `provisioned_version` once the broker looks like that. A crash in between leaves them apart, for the next round.
 * `esm_client_secret` is sealed.
 */
const TRADING_CONFIG = sql`
  create table app.trading_config (
    org_id uuid primary key references app.organisation (id),
    id uuid not null,
    state text collate "C" not null default 'DISABLED' check (state in ('DISABLED', 'ENABLED', 'PAUSED', 'DRAINING')),
    esm_api_url text check (length(esm_api_url) between 1 and 2000),
    esm_client_id text check (length(esm_client_id) between 1 and 500),
    esm_client_secret text,
    wanted_version int8 not null default 0,
    provisioned_version int8 not null default 0,
    provision_error text check (length(provision_error) between 1 and 1000),
    last_sync_at timestamptz,
    last_sync_error text check (length(last_sync_error) between 1 and 1000),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (provisioned_version <= wanted_version)
  );
`;

/**
 * Whoever shows a key does not say whose it is: `find_api_key` tells the one row that a digest names, and is all that
 * reads keys across organisations. `signing_key` is sealed, the key itself is not kept.
 */
const API_KEYS = sql`
  create table app.api_key (
    id uuid primary key,
    org_id uuid not null references app.organisation (id),
    name text not null check (length(name) between 1 and 80),
    key_prefix text collate "C" not null check (length(key_prefix) between 1 and 40),
    key_digest bytea not null unique check (octet_length(key_digest) = 32),
    signing_key text not null,
    scopes text[] not null check (cardinality(scopes) between 1 and 40),
    allowed_ips text[] not null default '{}',
    created_by text not null check (length(created_by) between 1 and 200),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text check (length(revoked_by) between 1 and 200),
    check ((revoked_at is null) = (revoked_by is null))
  );
  create index api_key_by_organisation on app.api_key (org_id, created_at desc, id desc);

  create table app.api_key_use (
    org_id uuid not null,
    key_id uuid not null,
    last_used_at timestamptz not null,
    primary key (org_id, key_id)
  );

  create function app.find_api_key(digest bytea) returns setof app.api_key
    language sql stable security definer set search_path = pg_catalog, pg_temp
    return (select k from app.api_key k where k.key_digest = digest);
  revoke all on function app.find_api_key (bytea) from public;
`;

/** Ids give the order in which rows are taken, not in which they became visible: nobody may go on from the last id seen. */
const OUTBOX = sql`
  create table app.outbox (
    org_id uuid not null,
    id int8 generated always as identity,
    vhost text collate "C" not null check (length(vhost) between 1 and 200),
    exchange text collate "C" not null check (length(exchange) between 1 and 200),
    routing_key text collate "C" not null check (length(routing_key) between 1 and 255),
    order_key text collate "C" not null check (length(order_key) between 1 and 200),
    message_id text collate "C" not null check (length(message_id) between 1 and 200),
    body bytea not null,
    created_at timestamptz not null,
    attempts int not null default 0,
    next_try_at timestamptz not null,
    trouble text check (length(trouble) between 1 and 1000),
    primary key (org_id, id)
  );
  create index outbox_due on app.outbox (org_id, next_try_at, id);
`;

const COMMAND_LOG = sql`
  create table app.command_log (
    org_id uuid not null,
    id uuid not null,
    plant_id uuid not null,
    site_id text not null check (length(site_id) between 1 and 200),
    command_type text collate "C" not null check (command_type in
      ('SITE_SETPOINT', 'DEVICE_COMMAND', 'EMERGENCY', 'MODE_CHANGE')),
    routing_key text collate "C" not null,
    message_id text collate "C" not null check (length(message_id) between 1 and 200),
    correlation_id text check (length(correlation_id) between 1 and 200),
    payload jsonb not null check (jsonb_typeof(payload) = 'object'),
    status text collate "C" not null,
    ack_status text collate "C" check (ack_status in ('ACK', 'NACK')),
    rejection_reason text check (length(rejection_reason) between 1 and 1000),
    executed_at timestamptz,
    created_at timestamptz not null,
    primary key (org_id, id)
  );
  create index command_log_by_time on app.command_log (org_id, plant_id, created_at, id);
`;

const TENANCY = sql`
  select ops.limit_to_organisations(t)
    from unnest('{app.trading_config,app.api_key,app.api_key_use,app.outbox,app.command_log}'::regclass[]) t;
  create policy lookup on app.api_key for select to quarterhour_owner using (true);

  create trigger raise_register_version after insert or update or delete or truncate on app.trading_config
    for each statement execute function ops.raise_register_version();
  create trigger raise_register_version after insert or update or delete or truncate on app.api_key
    for each statement execute function ops.raise_register_version();
`;
