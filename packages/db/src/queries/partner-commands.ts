import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableText } from '../storable.js';
import { deferRaise } from './known-at.js';
import { enqueueOutgoing, type OutgoingRow } from './outgoing.js';
import { insertReceipts, type Receivable, type ReceiptVerdict } from './receipts.js';
import type { TradingState } from './trading-states.js';

/** Kinds of what partners command. */
export type CommandType =
  'SITE_SETPOINT' | 'DEVICE_COMMAND' | 'MODE_CHANGE' | 'EMERGENCY' | 'SCHEDULE_CREATE' | 'SCHEDULE_CANCEL';

/** How a command stands: `REJECTED` is final from the start, `PENDING` ends in one of the others. */
export type CommandStatus = 'PENDING' | 'EXECUTED' | 'FAILED' | 'EXPIRED' | 'REJECTED';

/** What was answered to a message, and what the answer has to be made of to be the same again. */
export interface KeptCommand {
  readonly orgId: string;
  /** Our id of the command. */
  readonly id: string;
  readonly plantId: string | null;
  /** As the message named it; null when that could not be read. */
  readonly siteId: string | null;
  readonly messageId: string;
  readonly correlationId: string | null;
  readonly contentSha256: Buffer;
  /** Whether its message id stands for this content. */
  readonly isFirst: boolean;
  /** Null when it is not answered. */
  readonly ackStatus: 'ACK' | 'NACK' | null;
  readonly rejectionReason: string | null;
  readonly receivedAt: UtcInstant;
}

/** A command to be kept. */
export interface NewCommand extends KeptCommand {
  /** The key in whose virtual host it came. */
  readonly keyId: string;
  readonly commandType: CommandType | null;
  readonly routingKey: string;
  /** A JSON object as text. */
  readonly payload: string;
  readonly status: CommandStatus;
  readonly source: string | null;
  readonly publishedAt: UtcInstant | null;
  readonly priority: string | null;
  readonly validFrom: UtcInstant | null;
  readonly validUntil: UtcInstant | null;
  /** When it has to be looked at; null when there is nothing to do. */
  readonly nextStepAt: UtcInstant | null;
}

const INSERT = `
  insert into app.command_log (org_id, id, key_id, plant_id, site_id, command_type, routing_key, message_id,
    correlation_id, payload, status, ack_status, rejection_reason, source, published_at, content_sha256, is_first, priority,
    valid_from, valid_until, next_step_at, received_at, created_at)
  select o.*, o.received_at
  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::jsonb[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::bytea[], $17::boolean[],
    $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[])
    as o (org_id, id, key_id, plant_id, site_id, command_type, routing_key, message_id, correlation_id, payload, status,
      ack_status, rejection_reason, source, published_at, content_sha256, is_first, priority, valid_from, valid_until,
      next_step_at, received_at)`;

function insertCommands(trx: Trx, rows: readonly NewCommand[]): void {
  if (rows.length === 0) return;
  trx.defer(
    prepared(INSERT, [
      plainArray(rows.map((row) => row.orgId)),
      plainArray(rows.map((row) => row.id)),
      plainArray(rows.map((row) => row.keyId)),
      plainArray(rows.map((row) => row.plantId)),
      textArray(rows.map((row) => row.siteId)),
      textArray(rows.map((row) => row.commandType)),
      textArray(rows.map((row) => storableText(row.routingKey))),
      textArray(rows.map((row) => row.messageId)),
      textArray(rows.map((row) => row.correlationId)),
      textArray(rows.map((row) => row.payload)),
      textArray(rows.map((row) => row.status)),
      textArray(rows.map((row) => row.ackStatus)),
      textArray(rows.map((row) => row.rejectionReason)),
      textArray(rows.map((row) => row.source)),
      plainArray(rows.map((row) => row.publishedAt)),
      byteaArray(rows.map((row) => row.contentSha256)),
      plainArray(rows.map((row) => row.isFirst)),
      textArray(rows.map((row) => row.priority)),
      plainArray(rows.map((row) => row.validFrom)),
      plainArray(rows.map((row) => row.validUntil)),
      plainArray(rows.map((row) => row.nextStepAt)),
      plainArray(rows.map((row) => row.receivedAt)),
    ]),
  );
}

/** How a plant's schedule is called. */
export interface ScheduleName {
  readonly orgId: string;
  readonly plantId: string;
  readonly scheduleId: string;
}

/** A schedule to be kept. */
export interface NewSchedule extends ScheduleName {
  /** Of the command that makes it. */
  readonly id: string;
  readonly priority: string;
  readonly validFrom: UtcInstant;
  readonly validUntil: UtcInstant;
  /** A JSON array as text. */
  readonly slots: string;
  readonly createdAt: UtcInstant;
}

/** A schedule, and whether it was cancelled. */
export interface StandingSchedule extends ScheduleName {
  readonly isCancelled: boolean;
}

const INSERT_SCHEDULES = `
  insert into app.schedule (org_id, plant_id, schedule_id, id, priority, valid_from, valid_until, slots, created_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[],
    $8::jsonb[], $9::timestamptz[])`;

function insertSchedules(trx: Trx, rows: readonly NewSchedule[]): void {
  if (rows.length === 0) return;
  trx.defer(
    prepared(INSERT_SCHEDULES, [
      ...namesOf(rows),
      plainArray(rows.map((row) => row.id)),
      textArray(rows.map((row) => row.priority)),
      plainArray(rows.map((row) => row.validFrom)),
      plainArray(rows.map((row) => row.validUntil)),
      textArray(rows.map((row) => row.slots)),
      plainArray(rows.map((row) => row.createdAt)),
    ]),
  );
}

/** That a schedule is to be followed no more. */
export interface ScheduleCancellation extends ScheduleName {
  /** Id of the command that says so. */
  readonly cancelledBy: string;
  readonly cancelledAt: UtcInstant;
}

const CANCEL = `
  update app.schedule s set cancelled_by = o.cancelled_by, cancelled_at = o.cancelled_at
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
      as o (org_id, plant_id, schedule_id, cancelled_by, cancelled_at)
   where s.org_id = o.org_id and s.plant_id = o.plant_id and s.schedule_id = o.schedule_id and s.cancelled_at is null`;

function cancelSchedules(trx: Trx, rows: readonly ScheduleCancellation[]): void {
  if (rows.length === 0) return;
  trx.defer(
    prepared(CANCEL, [
      ...namesOf(rows),
      plainArray(rows.map((row) => row.cancelledBy)),
      plainArray(rows.map((row) => row.cancelledAt)),
    ]),
  );
}

function namesOf(names: readonly ScheduleName[]): [string, string, string] {
  return [
    plainArray(names.map(({ orgId }) => orgId)),
    plainArray(names.map(({ plantId }) => plantId)),
    textArray(names.map(({ scheduleId }) => scheduleId)),
  ];
}

/** How many commands a plant was sent lately, as the instant by which it has room for as many as it ever takes at once. */
export interface CommandPace {
  readonly orgId: string;
  readonly plantId: string;
  /** Epoch microseconds. */
  readonly fullAtMicros: number;
}

/** What decides about commands. */
export interface Standing {
  /** What came under their message ids before, from whichever organisation in scope. */
  readonly commands: readonly KeptCommand[];
  /** Those of the schedules that they name. */
  readonly schedules: readonly StandingSchedule[];
  readonly paces: readonly CommandPace[];
  /** How trading of the organisations in scope stands; one that is missing does not trade. */
  readonly states: ReadonlyMap<string, TradingState>;
}

/** The same at a time, by the database's clock: what an organisation knows may be stamped later, when the clock was set back. */
export interface StandingNow extends Standing {
  readonly now: UtcInstant;
  /** The `known_at` of this transaction by organisation. */
  readonly knownAt: ReadonlyMap<string, UtcInstant>;
}

/** What is asked about. */
export interface AskedCommands {
  /** Those in scope. */
  readonly organisations: readonly string[];
  readonly messageIds: readonly string[];
  readonly plants: readonly string[];
  readonly schedules: readonly Pick<ScheduleName, 'plantId' | 'scheduleId'>[];
}

/**
 * By keys without their organisation: whose rows there are to see is said by the scope. To name it once more would have the
 * planner believe that it leaves next to nothing, until the table was analysed, and take any index that begins with it.
 * `offset 0` has each message id looked up by itself.
 */
const STANDING = `
  with command as (
    select k.org_id as "orgId", k.id, k.plant_id as "plantId", k.site_id as "siteId", k.message_id as "messageId",
      k.correlation_id as "correlationId", encode(k.content_sha256, 'hex') as "contentSha256", k.is_first as "isFirst",
      k.ack_status as "ackStatus", k.rejection_reason as "rejectionReason",
      app.instant_text(k.received_at) as "receivedAt"
    from (select distinct * from unnest($1::text[]) as o (message_id)) o
    cross join lateral (select c.* from app.command_log c where c.message_id = o.message_id offset 0) k),
  pace as (
    select p.org_id as "orgId", p.plant_id as "plantId",
      (extract(epoch from p.full_at) * 1000000)::float8 as "fullAtMicros"
    from unnest($2::uuid[]) as o (plant_id) join app.command_pace p on p.plant_id = o.plant_id),
  schedule as (
    select s.org_id as "orgId", s.plant_id as "plantId", s.schedule_id as "scheduleId",
      s.cancelled_at is not null as "isCancelled"
    from (select distinct * from unnest($3::uuid[], $4::text[]) as o (plant_id, schedule_id)) o
    join app.schedule s on s.plant_id = o.plant_id and s.schedule_id = o.schedule_id)
  select app.instant_text(clock.now) as now, h.org_id as "orgId", app.instant_text(h.known_at) as "knownAt", t.state,
    (select jsonb_agg(to_jsonb(c)) from command c where c."orgId" = h.org_id) as commands,
    (select jsonb_agg(to_jsonb(p)) from pace p where p."orgId" = h.org_id) as paces,
    (select jsonb_agg(to_jsonb(s)) from schedule s where s."orgId" = h.org_id) as schedules
  from (select clock_timestamp() as now) clock, app.org_head h left join app.trading_config t on t.org_id = h.org_id`;

/** How one organisation stands. */
interface StandingRow {
  readonly now: UtcInstant;
  readonly orgId: string;
  readonly knownAt: UtcInstant;
  readonly state: TradingState | null;
  readonly commands: readonly (Omit<KeptCommand, 'contentSha256'> & { readonly contentSha256: string })[] | null;
  readonly paces: readonly CommandPace[] | null;
  readonly schedules: readonly StandingSchedule[] | null;
}

/**
 * Raises the organisations' `known_at` and finds what decides about commands of theirs, as one message to the server. Nobody
 * changes it until the transaction ends: whoever goes by it has raised `known_at` as well.
 */
export async function takeStanding(trx: Trx, asked: AskedCommands): Promise<StandingNow> {
  deferRaise(trx, asked.organisations);
  const rows = await trx.query<StandingRow>(
    prepared(STANDING, [
      textArray(asked.messageIds),
      plainArray(asked.plants),
      plainArray(asked.schedules.map(({ plantId }) => plantId)),
      textArray(asked.schedules.map(({ scheduleId }) => scheduleId)),
    ]),
  );
  const [first] = rows;
  if (first === undefined) throw new TypeError('none of the organisations has a head row');
  return {
    now: first.now,
    commands: rows.flatMap(({ commands }) =>
      (commands ?? []).map((command) => ({ ...command, contentSha256: Buffer.from(command.contentSha256, 'hex') })),
    ),
    schedules: rows.flatMap(({ schedules }) => schedules ?? []),
    paces: rows.flatMap(({ paces }) => paces ?? []),
    states: new Map(rows.flatMap(({ orgId, state }) => (state === null ? [] : [[orgId, state]]))),
    knownAt: new Map(rows.map(({ orgId, knownAt }) => [orgId, knownAt])),
  };
}

const KEEP_PACES = `
  insert into app.command_pace as p (org_id, plant_id, full_at)
  select o.org_id, o.plant_id, timestamptz 'epoch' + o.micros * interval '1 microsecond'
    from unnest($1::uuid[], $2::uuid[], $3::float8[]) as o (org_id, plant_id, micros) order by o.org_id, o.plant_id
  on conflict (org_id, plant_id) do update set full_at = excluded.full_at`;

function keepPaces(trx: Trx, paces: readonly CommandPace[]): void {
  if (paces.length === 0) return;
  trx.defer(
    prepared(KEEP_PACES, [
      plainArray(paces.map(({ orgId }) => orgId)),
      plainArray(paces.map(({ plantId }) => plantId)),
      plainArray(paces.map(({ fullAtMicros }) => fullAtMicros)),
    ]),
  );
}

/** What follows from commands that were decided about. */
export interface DecidedCommands {
  /** Not kept yet. */
  readonly commands: readonly NewCommand[];
  /** Under names that are free. */
  readonly schedules: readonly NewSchedule[];
  /** At most one of each schedule. One that is cancelled stays as it is. */
  readonly cancellations: readonly ScheduleCancellation[];
  /** At most one of each plant. */
  readonly paces: readonly CommandPace[];
  readonly answers: readonly OutgoingRow[];
  /** What was offered, duplicates included, with what became of it. */
  readonly receipts: readonly Receivable[];
  readonly verdicts: readonly ReceiptVerdict[];
}

/** Keeps what was decided about commands, with whatever the transaction does next. */
export function keepDecided(trx: Trx, decided: DecidedCommands): void {
  insertCommands(trx, decided.commands);
  insertSchedules(trx, decided.schedules);
  cancelSchedules(trx, decided.cancellations);
  keepPaces(trx, decided.paces);
  enqueueOutgoing(trx, decided.answers);
  insertReceipts(trx, 'partner-command', decided.receipts, decided.verdicts);
}
