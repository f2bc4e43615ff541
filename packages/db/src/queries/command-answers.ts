import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { COMMAND_COLUMNS, type CommandToExecute } from './execution.js';
import { raising } from './known-at.js';

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

const LOCK_COMMANDS = `
  select ${COMMAND_COLUMNS}, c.status, c.execution_reason as reason
  from (
    select * from app.command_log
     where (org_id, plant_id, id) in (select * from unnest($1::uuid[], $2::uuid[], $3::uuid[]))
     order by org_id, id for update) c`;

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
  select org_id as "orgId", plant_id as "plantId", command_id as "commandId", status, execution_reason as reason,
    app.instant_text(relayed_at) as "relayedAt"
  from app.schedule_slot
  where (org_id, plant_id, command_id) in (select * from unnest($1::uuid[], $2::uuid[], $3::uuid[]))
  order by org_id, command_id for update`;

const TAKE = `
  with command as materialized (${LOCK_COMMANDS}), slot as materialized (${LOCK_SLOTS})
  select h.org_id as "orgId", app.instant_text(h.known_at) as "knownAt",
    (select jsonb_agg(to_jsonb(c)) from command c where c."orgId" = h.org_id) as commands,
    (select jsonb_agg(to_jsonb(s)) from slot s where s."orgId" = h.org_id) as slots
  from app.org_head h`;

/** What answers are about. */
export interface Answered {
  readonly commands: readonly AnsweredCommand[];
  readonly slots: readonly AnsweredSlot[];
  /** The `known_at` of this transaction by organisation. */
  readonly knownAt: ReadonlyMap<string, UtcInstant>;
}

/**
 * Raises the `known_at` of the organisations in scope that are named, and takes the commands and slots that are named and exist at
 * the plant that is named, locked until the transaction ends.
 */
export async function takeAnswered(trx: Trx, named: readonly CommandNamed[]): Promise<Answered> {
  trx.defer(raising(named.map(({ orgId }) => orgId)));
  const rows = await trx.query<{
    orgId: string;
    knownAt: UtcInstant;
    commands: readonly AnsweredCommand[] | null;
    slots: readonly AnsweredSlot[] | null;
  }>(prepared(TAKE, valuesOf(named)));
  return {
    commands: rows.flatMap(({ commands }) => commands ?? []),
    slots: rows.flatMap(({ slots }) => slots ?? []),
    knownAt: new Map(rows.map(({ orgId, knownAt }) => [orgId, knownAt])),
  };
}

/** What an answer makes of a command or slot. */
export interface AnswerTaken {
  readonly orgId: string;
  readonly commandId: string;
  readonly status: 'EXECUTED' | 'FAILED';
  readonly reason: string | null;
  readonly executedAt: UtcInstant | null;
}

const ANSWER = (table: string, key: string, next: string): string => `
  update ${table} c
     set status = a.status, execution_reason = a.reason, executed_at = a.executed_at,
       answered_at = clock_timestamp(), next_step_at = ${next}
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
      as a (org_id, id, status, reason, executed_at)
   where c.org_id = a.org_id and c.${key} = a.id`;

const ANSWER_COMMANDS = ANSWER('app.command_log', 'id', 'null');
/** A slot that a plant refuses is looked at once more: somebody has to hear of it. */
const ANSWER_SLOTS = ANSWER(
  'app.schedule_slot',
  'command_id',
  `case when a.status = 'FAILED' then clock_timestamp() end`,
);

/** Writes down what plants said about commands that are locked, with whatever the transaction does next. */
export function writeCommandAnswers(trx: Trx, answers: readonly AnswerTaken[]): void {
  if (answers.length > 0) trx.defer(prepared(ANSWER_COMMANDS, answerValues(answers)));
}

/** Writes down what plants said about slots that are locked, with whatever the transaction does next. */
export function writeSlotAnswers(trx: Trx, answers: readonly AnswerTaken[]): void {
  if (answers.length > 0) trx.defer(prepared(ANSWER_SLOTS, answerValues(answers)));
}

function valuesOf(named: readonly CommandNamed[]): string[] {
  return [
    plainArray(named.map(({ orgId }) => orgId)),
    plainArray(named.map(({ plantId }) => plantId)),
    plainArray(named.map(({ commandId }) => commandId)),
  ];
}

function answerValues(answers: readonly AnswerTaken[]): string[] {
  return [
    plainArray(answers.map(({ orgId }) => orgId)),
    plainArray(answers.map(({ commandId }) => commandId)),
    plainArray(answers.map(({ status }) => status)),
    textArray(answers.map(({ reason }) => reason)),
    plainArray(answers.map(({ executedAt }) => executedAt)),
  ];
}
