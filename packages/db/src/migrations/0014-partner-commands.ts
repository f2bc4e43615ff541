import { sql, type Migration } from 'kysely';

/** What partners command and schedule: every message with what it was answered, and what its plant did. */
export const partnerCommands: Migration = {
  async up(db) {
    await COMMANDS.execute(db);
    await SCHEDULES.execute(db);
    await PACES.execute(db);
    await TENANCY.execute(db);
  },
};

/**
 * One row per distinct message: message id and content. `is_first` is the one that its message id stands for; what came
 * under the same id with other content is refused and stands beside it, and so is what nobody vouched for, which takes no id.
 *
 * A message that could not be read as a whole has what could be made out of it: no plant then, and perhaps neither site nor
 * kind. `next_step_at` is when a pending one has to be looked at again.
 */
const COMMANDS = sql`
  alter table app.command_log
    alter column plant_id drop not null,
    alter column site_id drop not null,
    alter column command_type drop not null,
    drop constraint command_log_command_type_check,
    add check (command_type in
      ('SITE_SETPOINT', 'DEVICE_COMMAND', 'EMERGENCY', 'MODE_CHANGE', 'SCHEDULE_CREATE', 'SCHEDULE_CANCEL')),
    add check (status in ('PENDING', 'EXECUTED', 'FAILED', 'EXPIRED', 'REJECTED')),
    add check (plant_id is null or (site_id is not null and command_type is not null)),
    add column key_id uuid,
    add column source text check (length(source) between 1 and 200),
    add column published_at timestamptz,
    add column received_at timestamptz not null,
    add column content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    add column is_first boolean not null,
    add column priority text collate "C" check (priority in ('NORMAL', 'HIGH', 'EMERGENCY')),
    add column valid_from timestamptz,
    add column valid_until timestamptz,
    add column next_step_at timestamptz,
    add column relayed_at timestamptz,
    add column execution_reason text check (length(execution_reason) between 1 and 1000),
    add check (next_step_at is null or (status = 'PENDING' and plant_id is not null)),
    add unique (org_id, message_id, content_sha256);
  create unique index command_log_first on app.command_log (org_id, message_id) where is_first;
  create index command_log_due on app.command_log (org_id, next_step_at) where next_step_at is not null;
`;

/** A schedule has the id of the command that made it. Under one name a plant has one for ever, also once it is cancelled. */
const SCHEDULES = sql`
  create table app.schedule (
    org_id uuid not null,
    id uuid not null,
    plant_id uuid not null,
    schedule_id text collate "C" not null check (length(schedule_id) between 1 and 64),
    priority text collate "C" not null check (priority in ('NORMAL', 'HIGH', 'EMERGENCY')),
    valid_from timestamptz not null,
    valid_until timestamptz not null check (valid_until > valid_from),
    slots jsonb not null check (jsonb_typeof(slots) = 'array'),
    created_at timestamptz not null,
    cancelled_at timestamptz,
    cancelled_by uuid,
    primary key (org_id, id),
    unique (org_id, plant_id, schedule_id),
    check ((cancelled_at is null) = (cancelled_by is null))
  );
  create index schedule_by_end on app.schedule (org_id, plant_id, valid_until);
`;

/** By when a plant has room for as many commands as it ever takes at once. */
const PACES = sql`
  create table app.command_pace (
    org_id uuid not null,
    plant_id uuid not null,
    full_at timestamptz not null,
    primary key (org_id, plant_id)
  );
`;

const TENANCY = sql`
  select ops.limit_to_organisations(t) from unnest('{app.schedule,app.command_pace}'::regclass[]) t;
`;
