import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import { deferPlannedAnew } from '../planned-anew.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { COMMAND_COLUMNS, type CommandToExecute } from './execution.js';

/** The command that an answer is about. */
export interface CommandNamed {
  readonly orgId: string;
  readonly plantId: string;
  readonly commandId: string;
}

/** A command as it stands when an answer to it comes. */
export interface AnsweredCommand extends CommandToExecute {
  readonly status: string;
  readonly reason: string | null;
}

/** What is named, once each, in the order in which it is locked. */
const NAMED = `
  select distinct * from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as n (org_id, plant_id, command_id)
   order by org_id, command_id`;

/** Each is looked up by its key: what is locked is never joined, so the planner cannot read the whole table for it. */
const LOCK_COMMANDS = `
  select ${COMMAND_COLUMNS}, c.status, c.execution_reason as reason
  from (${NAMED}) n cross join lateral (
    select * from app.command_log k where k.org_id is not distinct from n.org_id and k.id = n.command_id for update) c
  where c.plant_id = n.plant_id`;

/** A slot of a schedule as it stands when an answer to it comes. */
export interface AnsweredSlot {
  readonly orgId: string;
  readonly plantId: string;
  readonly commandId: string;
  readonly status: string;
  readonly reason: string | null;
  readonly relayedAt: UtcInstant | null;
}

const LOCK_SLOTS = `
  select s.org_id as "orgId", s.plant_id as "plantId", s.command_id as "commandId", s.status,
    s.execution_reason as reason, app.instant_text(s.relayed_at) as "relayedAt"
  from (${NAMED}) n cross join lateral (
    select * from app.schedule_slot k where k.org_id is not distinct from n.org_id and k.command_id = n.command_id for update) s
  where s.plant_id = n.plant_id`;

const TAKE = `
  with command as materialized (${LOCK_COMMANDS}), slot as materialized (${LOCK_SLOTS})
  select coalesce((select jsonb_agg(to_jsonb(c)) from command c), '[]') as commands,
    coalesce((select jsonb_agg(to_jsonb(s)) from slot s), '[]') as slots, app.instant_text(clock_timestamp()) as now`;

/** What answers are about. */
export interface Answered {
  readonly commands: readonly AnsweredCommand[];
  readonly slots: readonly AnsweredSlot[];
  /** When all of them were locked, by the database's clock. */
  readonly now: UtcInstant;
}

/**
 * Takes the commands and slots that are named and exist at the plant that is named, locked until the transaction ends. The
 * locks are all that is needed to judge answers, so nobody has to wait for the organisations' heads meanwhile.
 */
export async function takeAnswered(trx: Trx, named: readonly CommandNamed[]): Promise<Answered> {
  const [answered] = await trx.query<Answered>(prepared(TAKE, valuesOf(named)));
  if (answered === undefined) throw new TypeError('a select of expressions returned no row');
  return answered;
}

/** What an answer makes of a command or slot. */
export interface AnswerTaken {
  readonly orgId: string;
  readonly commandId: string;
  readonly status: 'EXECUTED' | 'FAILED';
  readonly reason: string | null;
  readonly executedAt: UtcInstant | null;
}

/** All in one statement, as `writeCommandStandings` has it. */
const ANSWER = (table: string, key: string, next: string): string => `
  update ${table} t
     set status = a.status, execution_reason = a.reason, executed_at = a.executed_at, answered_at = clock_timestamp(),
       next_step_at = ${next}
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
      as a (org_id, command_id, status, reason, executed_at)
   where t.org_id = a.org_id and t.${key} = a.command_id`;

const ANSWER_COMMANDS = ANSWER('app.command_log', 'id', 'null');
/** A slot that a plant refuses is looked at once more: somebody has to hear of it. */
const ANSWER_SLOTS = ANSWER(
  'app.schedule_slot',
  'command_id',
  `case when a.status = 'FAILED' then clock_timestamp() end`,
);

/**
 * Writes down what plants said about commands that are locked, with whatever the transaction does next.
 *
 * @param answers one to each command
 */
export function writeCommandAnswers(trx: Trx, answers: readonly AnswerTaken[]): void {
  write(trx, ANSWER_COMMANDS, answers);
}

/** What plants said about slots that are locked, as {@link writeCommandAnswers} does it. */
export function writeSlotAnswers(trx: Trx, answers: readonly AnswerTaken[]): void {
  write(trx, ANSWER_SLOTS, answers);
}

function write(trx: Trx, text: string, answers: readonly AnswerTaken[]): void {
  if (answers.length === 0) return;
  deferPlannedAnew(trx, text, [
    plainArray(answers.map(({ orgId }) => orgId)),
    plainArray(answers.map(({ commandId }) => commandId)),
    plainArray(answers.map(({ status }) => status)),
    textArray(answers.map(({ reason }) => reason)),
    plainArray(answers.map(({ executedAt }) => executedAt)),
  ]);
}

function valuesOf(named: readonly CommandNamed[]): string[] {
  return [
    plainArray(named.map(({ orgId }) => orgId)),
    plainArray(named.map(({ plantId }) => plantId)),
    plainArray(named.map(({ commandId }) => commandId)),
  ];
}
