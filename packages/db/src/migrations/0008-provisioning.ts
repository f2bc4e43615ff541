import { sql, type Migration } from 'kysely';

/** What is known of a partner's closing, of its virtual hosts, and of what waits in its queues; audit entries by time. */
export const provisioning: Migration = {
  async up(db) {
    await CLOSING.execute(db);
    await ON_THE_BROKER.execute(db);
    await TENANCY.execute(db);
    await AUDIT_BY_TIME.execute(db);
  },
};

/** Whoever disables trading does not wait until it is drained: who and why is kept for the event that says so. */
const CLOSING = sql`
  alter table app.trading_config
    add column state_since timestamptz not null default now(),
    add column closing_by text check (length(closing_by) between 1 and 200),
    add column closing_reason text check (length(closing_reason) between 1 and 1000),
    add check (closing_by is null or state = 'DRAINING'),
    add check (closing_reason is null or closing_by is not null);

  create function ops.stamp_trading_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
    as $$
    begin
      if new.state <> old.state then
        new.state_since := clock_timestamp();
      end if;
      return new;
    end $$;
  create trigger stamp_state before update on app.trading_config
    for each row execute function ops.stamp_trading_state();
`;

/**
 * A virtual host has its row before it is made and until it is gone. It outlives its key as long as there is something in
 * it that is to be stored.
 */
const ON_THE_BROKER = sql`
  create table app.partner_vhost (
    org_id uuid not null,
    key_id uuid not null,
    made_at timestamptz not null default clock_timestamp(),
    primary key (org_id, key_id)
  );

  create table app.partner_queue (
    org_id uuid not null,
    vhost text collate "C" not null check (length(vhost) between 1 and 200),
    name text collate "C" not null check (length(name) between 1 and 255),
    direction text collate "C" not null check (direction in ('inbound', 'outbound', 'dead')),
    ready int8 not null check (ready >= 0),
    unsettled int8 not null check (unsettled >= 0),
    consumers int4 not null check (consumers >= 0),
    publish_rate float8 not null,
    deliver_rate float8 not null,
    sampled_at timestamptz not null,
    primary key (org_id, vhost, name)
  );
`;

const TENANCY = sql`
  select ops.limit_to_organisations(t) from unnest('{app.partner_vhost,app.partner_queue}'::regclass[]) t;

  create trigger raise_register_version after insert or update or delete or truncate on app.partner_vhost
    for each statement execute function ops.raise_register_version();
`;

const AUDIT_BY_TIME = sql`create index audit_by_time on app.audit (org_id, at, seq)`;
