import { sql, type Migration } from 'kysely';

/** What was sent to a plant's ESM as its configuration, and what came back. */
export const configLog: Migration = {
  async up(db) {
    await CONFIG_LOG.execute(db);
    await TENANCY.execute(db);
  },
};

const CONFIG_LOG = sql`
  create table app.config_log (
    org_id uuid not null,
    id int8 generated always as identity,
    plant_id uuid not null,
    requested_by uuid,
    request_code text collate "C" check (length(request_code) between 1 and 200),
    result_code text collate "C" check (length(result_code) between 1 and 200),
    message text check (length(message) between 1 and 2000),
    is_terminal boolean not null default false,
    is_error boolean not null default false,
    validate_only boolean not null,
    config_snapshot jsonb check (jsonb_typeof(config_snapshot) = 'object'),
    sent_at timestamptz,
    responded_at timestamptz,
    created_at timestamptz not null,
    primary key (org_id, id)
  );
  create index config_log_by_time on app.config_log (org_id, plant_id, created_at, id);
`;

const TENANCY = sql`select ops.limit_to_organisations('app.config_log'::regclass)`;
