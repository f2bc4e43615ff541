import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared, type Statement } from '../statement.js';
import { storableText } from '../storable.js';
import { outgoingStatements, type OutgoingRow } from './outgoing.js';
import { receiptStatements, type Receivable, type ReceiptVerdict } from './receipts.js';
import { runTogether } from './together.js';
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

/** A message id that somebody used. */
export interface OfferedCommand {
  readonly orgId: string;
  readonly messageId: string;
}

/** `offset 0` has each message id looked up by the key, however many rows the planner believes there are. */
const STANDING = `
  select c.org_id as "orgId", c.id, c.plant_id as "plantId", c.site_id as "siteId", c.message_id as "messageId",
    c.correlation_id as "correlationId", c.content_sha256 as "contentSha256", c.is_first as "isFirst",
    c.ack_status as "ackStatus", c.rejection_reason as "rejectionReason", app.instant_text(c.received_at) as "receivedAt"
  from (select distinct * from unnest($1::uuid[], $2::text[]) as o (org_id, message_id)) o
  cross join lateral (
    select k.* from app.command_log k where k.org_id = o.org_id and k.message_id = o.message_id offset 0) c`;

/** What came under these message ids before. */
function findKeptCommands(trx: Trx, offered: readonly OfferedCommand[]): Promise<KeptCommand[]> {
  return trx.query<KeptCommand>(
    prepared(STANDING, [
      plainArray(offered.map(({ orgId }) => orgId)),
      textArray(offered.map(({ messageId }) => messageId)),
    ]),
  );
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

function insertCommands(rows: readonly NewCommand[]): Statement[] {
  if (rows.length === 0) return [];
  return [
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
  ];
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

const FIND_SCHEDULES = `
  select s.org_id as "orgId", s.plant_id as "plantId", s.schedule_id as "scheduleId",
    s.cancelled_at is not null as "isCancelled"
  from (select distinct * from unnest($1::uuid[], $2::uuid[], $3::text[]) as o (org_id, plant_id, schedule_id)) o
  join app.schedule s on s.org_id = o.org_id and s.plant_id = o.plant_id and s.schedule_id = o.schedule_id`;

/** Those of the named schedules that there are. */
async function findSchedules(trx: Trx, names: readonly ScheduleName[]): Promise<StandingSchedule[]> {
  if (names.length === 0) return [];
  return trx.query<StandingSchedule>(prepared(FIND_SCHEDULES, namesOf(names)));
}

const INSERT_SCHEDULES = `
  insert into app.schedule (org_id, plant_id, schedule_id, id, priority, valid_from, valid_until, slots, created_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[],
    $8::jsonb[], $9::timestamptz[])`;

function insertSchedules(rows: readonly NewSchedule[]): Statement[] {
  if (rows.length === 0) return [];
  return [
    prepared(INSERT_SCHEDULES, [
      ...namesOf(rows),
      plainArray(rows.map((row) => row.id)),
      textArray(rows.map((row) => row.priority)),
      plainArray(rows.map((row) => row.validFrom)),
      plainArray(rows.map((row) => row.validUntil)),
      textArray(rows.map((row) => row.slots)),
      plainArray(rows.map((row) => row.createdAt)),
    ]),
  ];
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

/** Of a schedule that was made a moment ago, by the same call, as well: it is not there yet for another statement. */
async function cancelSchedules(trx: Trx, rows: readonly ScheduleCancellation[]): Promise<void> {
  if (rows.length === 0) return;
  await trx.query(
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

const FIND_PACES = `
  select app.instant_text(clock.now) as now, c.org_id as "orgId", p.plant_id as "plantId", c.state,
    (extract(epoch from p.full_at) * 1000000)::float8 as "fullAtMicros"
  from (select clock_timestamp() as now) clock left join app.trading_config c on true
  left join (
    select p.* from unnest($1::uuid[], $2::uuid[]) as o (org_id, plant_id)
    join app.command_pace p on p.org_id = o.org_id and p.plant_id = o.plant_id) p on p.org_id = c.org_id`;

interface StateAndPace {
  readonly now: UtcInstant;
  readonly orgId: string | null;
  readonly state: TradingState | null;
  readonly plantId: string | null;
  readonly fullAtMicros: number | null;
}

/** What time it is, how trading of the organisations in scope stands, and the paces of those plants that have one. */
async function findStatesAndPaces(
  trx: Trx,
  plants: readonly Pick<CommandPace, 'orgId' | 'plantId'>[],
): Promise<Pick<StandingNow, 'now' | 'states' | 'paces'>> {
  const found = await trx.query<StateAndPace>(
    prepared(FIND_PACES, [
      plainArray(plants.map(({ orgId }) => orgId)),
      plainArray(plants.map(({ plantId }) => plantId)),
    ]),
  );
  const [first] = found;
  if (first === undefined) throw new TypeError('the clock gave no row');
  return {
    now: first.now,
    states: new Map(found.flatMap(({ orgId, state }) => (orgId === null || state === null ? [] : [[orgId, state]]))),
    paces: found.flatMap(({ orgId, plantId, fullAtMicros }) =>
      orgId === null || plantId === null || fullAtMicros === null ? [] : [{ orgId, plantId, fullAtMicros }],
    ),
  };
}

/** What decides about commands. */
export interface Standing {
  /** What came under their message ids before. */
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
}

/** What is asked about. */
export interface AskedCommands {
  readonly messages: readonly OfferedCommand[];
  readonly plants: readonly Pick<CommandPace, 'orgId' | 'plantId'>[];
  readonly schedules: readonly ScheduleName[];
}

/**
 * What decides about commands. Whoever goes by it has raised `known_at` of the organisations: nobody changes it until the
 * transaction ends.
 */
export async function findStanding(trx: Trx, { messages, plants, schedules }: AskedCommands): Promise<StandingNow> {
  return {
    commands: await findKeptCommands(trx, messages),
    schedules: await findSchedules(trx, schedules),
    ...(await findStatesAndPaces(trx, plants)),
  };
}

const KEEP_PACES = `
  insert into app.command_pace as p (org_id, plant_id, full_at)
  select o.org_id, o.plant_id, timestamptz 'epoch' + o.micros * interval '1 microsecond'
    from unnest($1::uuid[], $2::uuid[], $3::float8[]) as o (org_id, plant_id, micros) order by o.org_id, o.plant_id
  on conflict (org_id, plant_id) do update set full_at = excluded.full_at`;

function keepPaces(paces: readonly CommandPace[]): Statement[] {
  if (paces.length === 0) return [];
  return [
    prepared(KEEP_PACES, [
      plainArray(paces.map(({ orgId }) => orgId)),
      plainArray(paces.map(({ plantId }) => plantId)),
      plainArray(paces.map(({ fullAtMicros }) => fullAtMicros)),
    ]),
  ];
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

/** Keeps what was decided about commands, as one statement, or two where a schedule is cancelled. */
export async function keepDecided(trx: Trx, decided: DecidedCommands): Promise<void> {
  await runTogether(trx, [
    ...insertCommands(decided.commands),
    ...insertSchedules(decided.schedules),
    ...keepPaces(decided.paces),
    ...outgoingStatements(decided.answers),
    ...receiptStatements('partner-command', decided.receipts, decided.verdicts),
  ]);
  await cancelSchedules(trx, decided.cancellations);
}
