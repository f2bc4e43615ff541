import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import { deferPlannedAnew } from '../planned-anew.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { PARTNER_COLUMNS, RANK, isDisabledSince, type DueQuery, type SenderOfCommand } from './execution.js';
import { knowingSilence } from './silent-plants.js';

/** One stretch of a schedule as it is to be carried out. */
export interface NewScheduleSlot {
  readonly orgId: string;
  /** Id of the schedule, which is that of the command that made it. */
  readonly scheduleId: string;
  readonly plantId: string;
  readonly startsAt: UtcInstant;
  readonly endsAt: UtcInstant;
  /** A JSON object: the slot as its partner wrote it. */
  readonly slot: string;
  /** Under which the plant is told. */
  readonly commandId: string;
}

const INSERT = `
  insert into app.schedule_slot (org_id, schedule_id, plant_id, starts_at, ends_at, slot, command_id, next_step_at)
  select s.org_id, s.schedule_id, s.plant_id, s.starts_at, s.ends_at, s.slot, s.command_id, s.starts_at
  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[], $7::uuid[])
    as s (org_id, schedule_id, plant_id, starts_at, ends_at, slot, command_id)
  on conflict do nothing`;

/**
 * Opens slots, each due when it starts, with whatever the transaction does next. Those that are open already stay as they are.
 */
export function openScheduleSlots(trx: Trx, slots: readonly NewScheduleSlot[]): void {
  if (slots.length === 0) return;
  trx.defer(
    prepared(INSERT, [
      plainArray(slots.map(({ orgId }) => orgId)),
      plainArray(slots.map(({ scheduleId }) => scheduleId)),
      plainArray(slots.map(({ plantId }) => plantId)),
      plainArray(slots.map(({ startsAt }) => startsAt)),
      plainArray(slots.map(({ endsAt }) => endsAt)),
      textArray(slots.map(({ slot }) => slot)),
      plainArray(slots.map(({ commandId }) => commandId)),
    ]),
  );
}

/** How a schedule stands as a whole. */
export interface ScheduleStanding {
  readonly orgId: string;
  readonly id: string;
  readonly isCancelled: boolean;
  readonly slots: number;
  /** Slots of which it is not known yet what becomes of them. */
  readonly openSlots: number;
  /** Slots that the plant carried out. */
  readonly executedSlots: number;
  /** Why the first slot failed that was not merely superseded; null when none did. */
  readonly failure: string | null;
  readonly lastExecutedAt: UtcInstant | null;
}

const STANDINGS = `
  select h.org_id as "orgId", h.id, h.cancelled_at is not null as "isCancelled", count(s.starts_at)::int as slots,
    count(*) filter (where s.status = 'PENDING' or s.next_step_at is not null)::int as "openSlots",
    count(*) filter (where s.status = 'EXECUTED')::int as "executedSlots",
    (array_agg(s.execution_reason order by s.starts_at)
      filter (where s.status = 'FAILED' and s.execution_reason <> 'SUPERSEDED'))[1] as failure,
    app.instant_text(max(s.executed_at)) as "lastExecutedAt"
  from (select distinct * from unnest($1::uuid[], $2::uuid[])) as wanted (org_id, id)
  cross join lateral (
    select * from app.schedule k where k.org_id is not distinct from wanted.org_id and k.id = wanted.id offset 0) h
  left join lateral (
    select * from app.schedule_slot k where k.org_id is not distinct from h.org_id and k.schedule_id = h.id offset 0) s on true
  group by h.org_id, h.id, h.cancelled_at`;

/** How these schedules stand, each looked up by its key; those that do not exist are absent. */
export function listScheduleStandings(
  trx: Trx,
  schedules: readonly { readonly orgId: string; readonly id: string }[],
): Promise<ScheduleStanding[]> {
  if (schedules.length === 0) return Promise.resolve([]);
  return trx.query<ScheduleStanding>(
    prepared(STANDINGS, [plainArray(schedules.map(({ orgId }) => orgId)), plainArray(schedules.map(({ id }) => id))]),
  );
}

/** A slot that has to be looked at. */
export interface DueSlot extends SenderOfCommand {
  readonly orgId: string;
  readonly plantId: string;
  readonly scheduleId: string;
  /** The partner's name of the schedule. */
  readonly name: string;
  readonly commandId: string;
  readonly priority: string;
  readonly startsAt: UtcInstant;
  readonly endsAt: UtcInstant;
  readonly slot: Readonly<Record<string, unknown>>;
  readonly status: 'PENDING' | 'EXECUTED' | 'FAILED';
  /** Of a pending one: why it is not with the plant. */
  readonly reason: string | null;
  readonly relayedAt: UtcInstant | null;
  readonly executedAt: UtcInstant | null;
  /** The database's clock. */
  readonly now: UtcInstant;
  readonly isPlantSilent: boolean;
  readonly isDisabled: boolean;
  /** Something goes before it at this moment: another schedule, a set-point of a higher priority, an emergency stop. */
  readonly isHeldBack: boolean;
}

/**
 * The schedule of a slot, looked up by its key: `offset 0` has the planner never go through all that there ever were, and no
 * other index serves the comparison of the organisation.
 */
const scheduleOf = (slot: string): string => `
  lateral (
    select * from app.schedule k
     where k.org_id is not distinct from ${slot}.org_id and k.id = ${slot}.schedule_id and k.cancelled_at is null offset 0)`;

/** The command that made a schedule, likewise. */
const commandOf = (schedule: string): string => `
  lateral (
    select * from app.command_log l where l.org_id is not distinct from ${schedule}.org_id and l.id = ${schedule}.id offset 0)`;

/** A slot of another schedule goes before this one by its priority; of equal ones, the schedule that was made later. */
const OTHER_SCHEDULE = `
  exists (
    select from app.schedule_slot o cross join ${scheduleOf('o')} oh
     where o.org_id = s.org_id and o.plant_id = s.plant_id and o.ends_at > clock.now and o.starts_at <= clock.now
       and o.schedule_id <> s.schedule_id and o.status <> 'FAILED'
       and (${RANK('oh.priority')}, oh.created_at, oh.id) > (${RANK('h.priority')}, h.created_at, h.id))`;

/** A set-point that gives no end ends with the next of its priority; one of an amount of energy, after its interval. */
const SET_POINT = `
  exists (
    select from unnest('{HIGH,EMERGENCY}'::text[]) as p (priority) cross join lateral (
      select coalesce(c.valid_until, case when c.payload ->> 'type' = 'ENERGY'
          then c.valid_from + (c.payload ->> 'intervalMinutes')::float8 * interval '1 minute' end) as ends_at
        from app.command_log c
       where c.org_id = s.org_id and c.plant_id = s.plant_id and c.command_type = 'SITE_SETPOINT'
         and c.priority in ('HIGH', 'EMERGENCY') and c.priority = p.priority and c.relayed_at is not null
         and c.status in ('PENDING', 'EXECUTED')
       order by c.relayed_at desc limit 1) latest
     where (latest.ends_at is null or latest.ends_at > clock.now)
       and (p.priority = 'EMERGENCY' or ${RANK('p.priority')} > ${RANK('h.priority')}))`;

/**
 * A stop holds whatever became of it: one that nobody answered may have reached the plant, and whoever sent it wants nothing
 * to begin. A release counts only as long as it may be true.
 */
const STOPPED = `
  coalesce((
    select c.payload ->> 'action' = 'STOP' from app.command_log c
     where c.org_id = s.org_id and c.plant_id = s.plant_id and c.command_type = 'EMERGENCY' and c.priority = 'EMERGENCY'
       and c.relayed_at is not null and c.payload ->> 'deviceId' is null
       and (c.payload ->> 'action' = 'STOP' or c.status in ('PENDING', 'EXECUTED'))
     order by c.relayed_at desc limit 1), false)`;

const TAKE = `
  with clock as materialized (select clock_timestamp() as now)
  select s.org_id as "orgId", s.plant_id as "plantId", s.schedule_id as "scheduleId", h.schedule_id as name,
    s.command_id as "commandId", h.priority, app.instant_text(s.starts_at) as "startsAt",
    app.instant_text(s.ends_at) as "endsAt", s.slot, s.status, s.execution_reason as reason,
    app.instant_text(s.relayed_at) as "relayedAt", app.instant_text(s.executed_at) as "executedAt",
    app.instant_text(clock.now) as now, ${isDisabledSince('s', 'c.received_at')} as "isDisabled", ${PARTNER_COLUMNS},
    ${OTHER_SCHEDULE} or ${SET_POINT} or ${STOPPED} as "isHeldBack"
  from clock cross join unnest($1::uuid[]) as who (org_id) cross join lateral (
    select t.* from app.schedule_slot t
     where t.org_id = who.org_id and t.next_step_at <= clock.now
     order by t.next_step_at, t.command_id limit $2::int for update skip locked) s
  cross join ${scheduleOf('s')} h cross join ${commandOf('h')} c
  order by ${RANK('h.priority')}, h.created_at, s.starts_at`;

/** To plan {@link TAKE} takes longer than all else of a look, and mostly no slot is due. */
const IS_ANY_DUE = `
  select exists (
    select from unnest($1::uuid[]) as who (org_id) cross join lateral (
      select from app.schedule_slot t
       where t.org_id = who.org_id and t.next_step_at <= clock_timestamp()
       order by t.next_step_at limit 1) s) as "isAnyDue"`;

/** Takes the slots that are due, locked until the transaction ends; what goes before others comes last. */
export async function takeDueSlots(trx: Trx, { organisations, most, silentAfterMs }: DueQuery): Promise<DueSlot[]> {
  const [answer] = await trx.query<{ isAnyDue: boolean }>(prepared(IS_ANY_DUE, [plainArray(organisations)]));
  if (answer?.isAnyDue !== true) return [];
  const due = await trx.query<Omit<DueSlot, 'isPlantSilent'>>(prepared(TAKE, [plainArray(organisations), most]));
  return knowingSilence(trx, due, silentAfterMs);
}

/** How a slot stands after a look at it. */
export type SlotStanding = Pick<DueSlot, 'orgId' | 'commandId' | 'status' | 'reason' | 'relayedAt'> & {
  /** When to look again; null when there is nothing left to do. */
  readonly nextStepAt: UtcInstant | null;
};

const WRITE = `
  update app.schedule_slot s
     set status = w.status, execution_reason = w.reason, relayed_at = w.relayed_at, next_step_at = w.next_step_at
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
      as w (org_id, command_id, status, reason, relayed_at, next_step_at)
   where s.org_id = w.org_id and s.command_id = w.command_id`;

/**
 * Writes down how slots stand that have been taken in this transaction, with whatever that does next.
 *
 * @param standings one of each slot
 */
export function writeSlotStandings(trx: Trx, standings: readonly SlotStanding[]): void {
  if (standings.length === 0) return;
  deferPlannedAnew(trx, WRITE, [
    plainArray(standings.map(({ orgId }) => orgId)),
    plainArray(standings.map(({ commandId }) => commandId)),
    plainArray(standings.map(({ status }) => status)),
    textArray(standings.map(({ reason }) => reason)),
    plainArray(standings.map(({ relayedAt }) => relayedAt)),
    plainArray(standings.map(({ nextStepAt }) => nextStepAt)),
  ]);
}

/** A command that cancelled a schedule. */
export interface Cancellation {
  readonly orgId: string;
  readonly id: string;
  readonly plantId: string;
  /** The partner's name of the schedule. */
  readonly name: string;
}

/** What a cancellation found. */
export interface CancelledSchedule {
  readonly orgId: string;
  /** Id of the command that cancelled it. */
  readonly cancelledBy: string;
  /** The partner's name of the schedule. */
  readonly name: string;
  /** A slot is with the plant just now. */
  readonly isRunning: boolean;
}

const CANCEL = `
  with cancelled as materialized (
    select h.org_id, h.id, h.schedule_id, h.cancelled_by
      from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) as w (org_id, id, plant_id, schedule_id)
        join app.schedule h
          on h.org_id = w.org_id and h.plant_id = w.plant_id and h.schedule_id = w.schedule_id and h.cancelled_by = w.id),
  running as (
    select s.org_id, s.schedule_id from app.schedule_slot s join cancelled k on k.org_id = s.org_id and k.id = s.schedule_id
     where s.relayed_at is not null and s.status <> 'FAILED' and s.starts_at <= clock_timestamp()
       and s.ends_at > clock_timestamp()),
  ended as (
    update app.schedule_slot s
       set status = 'FAILED', execution_reason = case s.status when 'FAILED' then s.execution_reason else 'CANCELLED' end,
         next_step_at = null
      from cancelled k
     where k.org_id = s.org_id and k.id = s.schedule_id and (s.status = 'PENDING' or s.next_step_at is not null)),
  woken as (
    update app.command_log c set next_step_at = clock_timestamp()
      from cancelled k where k.org_id = c.org_id and k.id = c.id and c.status = 'PENDING')
  select k.org_id as "orgId", k.cancelled_by as "cancelledBy", k.schedule_id as name,
    exists (select from running r where r.org_id = k.org_id and r.schedule_id = k.id) as "isRunning"
  from cancelled k`;

/**
 * Ends what is still to come of schedules, and has the commands that made them looked at. What failed a moment ago keeps its
 * reason. Planned each time, for the tables as they are by then.
 */
export function endCancelledSchedules(trx: Trx, cancellations: readonly Cancellation[]): Promise<CancelledSchedule[]> {
  if (cancellations.length === 0) return Promise.resolve([]);
  return trx.query<CancelledSchedule>({
    text: CANCEL,
    values: [
      plainArray(cancellations.map(({ orgId }) => orgId)),
      plainArray(cancellations.map(({ id }) => id)),
      plainArray(cancellations.map(({ plantId }) => plantId)),
      textArray(cancellations.map(({ name }) => name)),
    ],
  });
}
