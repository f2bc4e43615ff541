import { sql, type Migration } from 'kysely';

/** What plants are told of partners' commands and schedules, and when they said what they did. */
export const execution: Migration = {
  async up(db) {
    await ANSWERS.execute(db);
    await SLOTS.execute(db);
    await TENANCY.execute(db);
  },
};

/**
 * `answered_at` is when the plant's answer became known. `command_log_in_force` finds what goes before a schedule: emergencies,
 * and set-points that are not of the lowest priority.
 */
const ANSWERS = sql`
  alter table app.command_log add column answered_at timestamptz;
  create index command_log_answered on app.command_log (org_id, plant_id, answered_at) where answered_at is not null;
  create index command_log_in_force on app.command_log (org_id, plant_id, command_type, priority, relayed_at)
    where relayed_at is not null and (command_type = 'EMERGENCY' or priority in ('HIGH', 'EMERGENCY'));
`;

/**
 * The slots of schedules that are carried out: each a command of its own to the plant, under `command_id`.
 *
 * `execution_reason` of a pending one says why it is not with the plant yet, if there is a reason.
 */
const SLOTS = sql`
  create table app.schedule_slot (
    org_id uuid not null,
    schedule_id uuid not null,
    plant_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    slot jsonb not null check (jsonb_typeof(slot) = 'object'),
    command_id uuid not null,
    status text collate "C" not null default 'PENDING' check (status in ('PENDING', 'EXECUTED', 'FAILED')),
    execution_reason text check (length(execution_reason) between 1 and 1000),
    next_step_at timestamptz,
    relayed_at timestamptz,
    answered_at timestamptz,
    executed_at timestamptz,
    primary key (org_id, schedule_id, starts_at),
    unique (org_id, command_id)
  );
  create index schedule_slot_due on app.schedule_slot (org_id, next_step_at) where next_step_at is not null;
  create index schedule_slot_by_end on app.schedule_slot (org_id, plant_id, ends_at);
`;

const TENANCY = sql`select ops.limit_to_organisations('app.schedule_slot'::regclass)`;
