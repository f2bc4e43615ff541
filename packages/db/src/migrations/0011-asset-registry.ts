import { sql, type Migration } from 'kysely';

/** Whose an asset is for ever, how assets are, and which requests were answered already. */
export const assetRegistry: Migration = {
  async up(db) {
    await ASSET_OWNERS.execute(db);
    await ASSET_STATUS.execute(db);
    await ANSWERED_REQUESTS.execute(db);
    await TENANCY.execute(db);
    await OWNERS_UNTIL_NOW.execute(db);
  },
};

/** What is kept about an asset outlives it, and is found by whose it was. Ids of assets are never used again. */
const ASSET_OWNERS = sql`
  create table app.asset_owner (
    asset_id text collate "C" primary key,
    org_id uuid not null
  );
  create index asset_owner_by_organisation on app.asset_owner (org_id, asset_id);

  create function app.remember_asset_owner() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as $$
    begin
      insert into app.asset_owner (asset_id, org_id) values (new.id, new.org_id);
      return null;
    end $$;
  create trigger remember_owner after insert on app.asset for each row execute function app.remember_asset_owner();
`;

const ASSET_STATUS = sql`
  create table app.asset_status (
    org_id uuid not null,
    asset_id text collate "C" not null,
    effective_at timestamptz not null,
    status text collate "C" not null check (status in
      ('UNKNOWN', 'ONLINE', 'OFFLINE', 'DEGRADED', 'MAINTENANCE', 'FAULT')),
    reasons jsonb not null check (jsonb_typeof(reasons) = 'array'),
    message_id text collate "C" not null check (length(message_id) between 1 and 200),
    published_at timestamptz not null,
    arrived_at timestamptz,
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    received_at timestamptz not null,
    primary key (org_id, asset_id, effective_at)
  );

  create table app.asset_status_history (
    like app.asset_status including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, asset_id, effective_at, message_id)
  );
`;

/** What a request that may be repeated was answered. */
const ANSWERED_REQUESTS = sql`
  create table app.answered_request (
    org_id uuid not null,
    key text collate "C" not null check (length(key) between 1 and 200),
    request_sha256 bytea not null check (octet_length(request_sha256) = 32),
    status int not null check (status between 200 and 299),
    headers jsonb not null check (jsonb_typeof(headers) = 'object'),
    body text not null,
    answered_at timestamptz not null,
    primary key (org_id, key)
  );
  create index answered_request_by_age on app.answered_request (org_id, answered_at);
`;

const TENANCY = sql`
  select ops.limit_to_organisations(t)
    from unnest('{app.asset_owner,app.asset_status,app.asset_status_history,app.answered_request}'::regclass[]) t;
`;

const OWNERS_UNTIL_NOW = sql`
  select set_config('app.orgs', coalesce('{' || string_agg(o.id::text, ',') || '}', ''), true) from app.organisation o;
  insert into app.asset_owner (asset_id, org_id) select a.id, a.org_id from app.asset a;
  select set_config('app.orgs', '', true);
`;
