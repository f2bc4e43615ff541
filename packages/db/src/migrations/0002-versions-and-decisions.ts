import type { Kysely, Migration } from 'kysely';
import { sql } from 'kysely';

/**
 * Versions of measured facts, marks that can be asked for again, trading config events, and what is decided about
 * quarantined deliveries.
 */
export const versionsAndDecisions: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await MARKS.execute(db);
    await TELEMETRY_HISTORY.execute(db);
    await TRADING_CONFIG.execute(db);
    await QUARANTINE.execute(db);
    await AUDIT.execute(db);
    await TENANCY.execute(db);
  },
};

/**
 * A writer holds a shared lock whose key is the time just before it took its stamp, until its transaction is over. A
 * reader's mark lies before the oldest such lock: whatever is stamped up to the mark is committed and visible to the
 * reader's next statement, and nothing will ever be stamped below it again.
 *
 * The key is a 16-bit tag, which tells these locks from others, and 48 bits of time in steps of 16 microseconds, which
 * last until 2112. Both functions read the clock on the database's side of the lock: the writer after taking it, the
 * reader before looking.
 */
const MARKS = sql`
  create function app.announce_writer() returns void language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
    begin
      perform pg_advisory_xact_lock_shared(
        (20808::int8 << 48) | ((extract(epoch from clock_timestamp()) * 1000000)::int8 >> 4));
    end $$;

  create function app.take_stamp() returns timestamptz language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
    begin
      perform app.announce_writer();
      return clock_timestamp();
    end $$;

  create function app.settled_until() returns timestamptz language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
    declare
      asked timestamptz := clock_timestamp();
      oldest int8;
    begin
      select min((classid::int8 & 65535) << 32 | objid::int8) into oldest
        from pg_locks
       where locktype = 'advisory' and objsubid = 1 and classid::int8 >> 16 = 20808
         and database = (select d.oid from pg_database d where d.datname = current_database());
      return least(asked, timestamptz 'epoch' + ((oldest << 4) || ' microseconds')::interval)
        - interval '1 microsecond';
    end $$;

  create function app.raise_known_at(organisations uuid[]) returns table (org_id uuid, known_at timestamptz)
    language plpgsql volatile set search_path = pg_catalog, pg_temp
    as $$
    #variable_conflict use_column
    begin
      perform app.announce_writer();
      return query
        update app.org_head h
           set known_at = greatest(clock_timestamp(), h.known_at + interval '1 microsecond')
          from (select l.org_id from app.org_head l where l.org_id = any (organisations) order by l.org_id for update)
            as locked (org_id)
         where h.org_id = locked.org_id
        returning h.org_id, h.known_at;
    end $$;
`;

/** Nulls cost nothing: only what was parked before it was stored says when it first came. */
const TELEMETRY_HISTORY = sql`
  alter table app.telemetry_realtime add column arrived_at timestamptz;
  alter table app.telemetry_meter add column arrived_at timestamptz;

  create table app.telemetry_realtime_history (
    like app.telemetry_realtime including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, plant_id, measured_at, message_id)
  ) partition by range (measured_at);

  create table app.telemetry_meter_history (
    like app.telemetry_meter including constraints,
    displaced_at timestamptz not null,
    primary key (org_id, plant_id, device_id, register, read_at, message_id)
  ) partition by range (read_at);
`;

const TRADING_CONFIG = sql`
  create table app.trading_config_event (
    org_id uuid not null,
    message_id text collate "C" not null check (length(message_id) between 1 and 200),
    origin text collate "C" not null check (origin in ('partner', 'control-plane')),
    kind text collate "C" not null check (kind in ('constraints', 'topology', 'fallback',
      'enabled', 'disabled', 'updated', 'paused', 'draining', 'resumed')),
    plant_id uuid,
    correlation_id text check (length(correlation_id) between 1 and 200),
    source text not null check (length(source) between 1 and 200),
    actor text check (length(actor) between 1 and 200),
    reason text check (length(reason) between 1 and 1000),
    occurred_at timestamptz not null,
    payload jsonb not null check (jsonb_typeof(payload) = 'object'),
    routing_key text collate "C" not null,
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    received_at timestamptz not null,
    place int not null check (place >= 0),
    primary key (org_id, message_id)
  );
  create unique index trading_config_event_by_arrival on app.trading_config_event (org_id, received_at, place);
  create index receipt_by_message on app.receipt (org_id, message_id);
`;

const QUARANTINE = sql`
  alter table app.quarantine
    add column waits_for text collate "C" check (length(waits_for) between 1 and 400),
    add column body_dropped bool not null default false,
    add column attempts int not null default 0 check (attempts >= 0),
    add column attempted_at timestamptz,
    add column attempt_reason text collate "C" check (attempt_reason ~ '^[a-z_]{1,40}$'),
    add column attempt_path text,
    add column attempt_detail text,
    add column replayed_as text collate "C" check (replayed_as in ('stored', 'revised', 'duplicate', 'rejected')),
    add column decided_at timestamptz,
    add column decided_by text check (length(decided_by) between 1 and 200),
    add column decision_note text check (length(decision_note) between 1 and 1000),
    add check ((state = 'open') = (decided_at is null)),
    add check ((state = 'replayed') = (replayed_as is not null));
  create index quarantine_waiting on app.quarantine (waits_for, org_id, first_seen, id)
    where state = 'open' and waits_for is not null;
  create index quarantine_by_message on app.quarantine (org_id, message_id) where message_id is not null;

  create table app.quarantine_day (
    org_id uuid not null,
    day date not null,
    bodies int not null,
    bytes int8 not null,
    dropped int8 not null,
    primary key (org_id, day)
  );
`;

/** The head row of an organisation serialises its chain; what belongs to nobody has a head of its own. */
const AUDIT = sql`
  alter table app.org_head drop constraint org_head_org_id_fkey;
  alter table app.org_head
    add column audit_seq int8 not null default 0,
    add column audit_sha256 bytea not null default decode(repeat('00', 32), 'hex')
      check (octet_length(audit_sha256) = 32);
  set local app.orgs = '{00000000-0000-0000-0000-000000000000}';
  insert into app.org_head (org_id, known_at) values ('00000000-0000-0000-0000-000000000000', clock_timestamp());
  set local app.orgs = '';

  create table app.audit (
    org_id uuid not null,
    seq int8 not null check (seq > 0),
    at timestamptz not null,
    actor text not null check (length(actor) between 1 and 200),
    action text collate "C" not null check (action ~ '^[a-z]+(\\.[a-z-]+)+$'),
    subject text not null check (length(subject) between 1 and 400),
    detail jsonb not null check (jsonb_typeof(detail) = 'object'),
    previous_sha256 bytea not null check (octet_length(previous_sha256) = 32),
    sha256 bytea not null check (octet_length(sha256) = 32),
    primary key (org_id, seq)
  );

  create function app.audit_sha256(previous bytea, org_id uuid, seq int8, at timestamptz, actor text, action text,
      subject text, detail jsonb) returns bytea
    language sql stable parallel safe
    return sha256(previous || convert_to(jsonb_build_array(org_id, seq, extract(epoch from at)::text, actor, action,
      subject, detail)::text, 'UTF8'));

  create function ops.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
    as $$
    begin
      raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
    end $$;
  create trigger append_only before update or delete or truncate on app.audit
    for each statement execute function ops.refuse_change();
`;

const TENANCY = sql`
  select ops.limit_to_organisations(c.oid)
    from pg_catalog.pg_class c
   where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity;

  drop policy register on app.organisation;
  create policy register on app.organisation for select
    to quarterhour_ingest, quarterhour_control, quarterhour_owner using (true);

  update ops.stream
     set tables = '{telemetry_realtime,telemetry_meter,telemetry_realtime_history,telemetry_meter_history}'
   where name = 'plant-telemetry';

  select ops.ensure_partition(s.name, made.day)
    from ops.stream s
    cross join lateral (
      select distinct to_date(right(child.relname, 8), 'YYYYMMDD') as day
        from unnest(s.tables) as t (name)
        join pg_catalog.pg_class parent on parent.relname = t.name and parent.relnamespace = 'app'::regnamespace
        join pg_catalog.pg_inherits i on i.inhparent = parent.oid
        join pg_catalog.pg_class child on child.oid = i.inhrelid) made
   where made.day >= ((clock_timestamp() - s.retention) at time zone 'UTC')::date
   order by s.name, made.day;
`;
