import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import { deferPlannedAnew } from '../planned-anew.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { hasVhost } from './provisioning.js';
import { knowingSilence } from './silent-plants.js';

/** Who is told what becomes of a command, and by which names they know it. */
export interface SenderOfCommand {
  /** The key by whose virtual host it came; null when that is gone, or nobody's: then nobody is told. */
  readonly keyId: string | null;
  readonly queuePrefix: string | null;
  readonly messageId: string;
  readonly correlationId: string | null;
}

/** A command that was taken, as its execution needs to know it. */
export interface CommandToExecute extends SenderOfCommand {
  readonly orgId: string;
  readonly id: string;
  readonly plantId: string;
  readonly commandType: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly priority: string | null;
  readonly receivedAt: UtcInstant;
  readonly validFrom: UtcInstant | null;
  readonly validUntil: UtcInstant | null;
  /** When it was handed to the plant's gateway. */
  readonly relayedAt: UtcInstant | null;
}

/** A command that has to be looked at. */
export interface DueCommand extends CommandToExecute {
  /** The database's clock. */
  readonly now: UtcInstant;
  /** Nothing was heard of the plant for as long as was asked for. Only of what was handed over is it known. */
  readonly isPlantSilent: boolean;
  /** Trading is disabled, or was since it was taken: it is not carried out any more. */
  readonly isDisabled: boolean;
}

/** Which organisations, how many rows of each, and how long a plant may be silent before it counts as offline. */
export interface DueQuery {
  readonly organisations: readonly string[];
  readonly most: number;
  readonly silentAfterMs: number;
}

/** The order of priorities, as an expression; a text that is none comes first. */
export const RANK = (column: string): string =>
  `coalesce(array_position('{NORMAL,HIGH,EMERGENCY}'::text[], ${column}), 0)`;

/** Whether trading of a row's organisation is disabled, or was since an instant, as a condition. */
export const isDisabledSince = (row: string, since: string): string => `
  exists (select from app.trading_config g
    where g.org_id = ${row}.org_id and (g.state = 'DISABLED' or g.opened_at > ${since}))`;

/** What is told about a command goes to the key that it came by, as long as there is such a key or its virtual host. */
export const PARTNER_COLUMNS = `
  c.message_id as "messageId", c.correlation_id as "correlationId",
  (select o.queue_prefix from app.organisation o where o.id = c.org_id) as "queuePrefix",
  case when ${hasVhost('c.org_id', 'c.key_id')} then c.key_id end as "keyId"`;

/** A {@link CommandToExecute} of `app.command_log c`. */
export const COMMAND_COLUMNS = `
  c.org_id as "orgId", c.plant_id as "plantId", c.id, c.command_type as "commandType", c.payload, c.priority,
  ${PARTNER_COLUMNS},
  app.instant_text(c.received_at) as "receivedAt", app.instant_text(c.valid_from) as "validFrom",
  app.instant_text(c.valid_until) as "validUntil", app.instant_text(c.relayed_at) as "relayedAt"`;

const TAKE_COMMANDS = `
  with clock as materialized (select clock_timestamp() as now)
  select ${COMMAND_COLUMNS}, app.instant_text(clock.now) as now, ${isDisabledSince('c', 'c.received_at')} as "isDisabled"
  from clock cross join unnest($1::uuid[]) as who (org_id) cross join lateral (
    select l.* from app.command_log l
     where l.org_id = who.org_id and l.next_step_at <= clock.now
     order by l.command_type = 'EMERGENCY' desc, ${RANK('l.priority')} desc, l.received_at, l.id
     limit $2::int for update skip locked) c
  order by c.command_type = 'EMERGENCY' desc, ${RANK('c.priority')} desc, c.received_at, c.id`;

/**
 * Takes the commands that are due, locked until the transaction ends: emergencies first, then by priority, then as they
 * arrived. What somebody else is at is left for the next time. Planned each time: what is good for an empty log is not for a
 * long one.
 */
export async function takeDueCommands(
  trx: Trx,
  { organisations, most, silentAfterMs }: DueQuery,
): Promise<DueCommand[]> {
  const due = await trx.query<Omit<DueCommand, 'isPlantSilent'>>({
    text: TAKE_COMMANDS,
    values: [plainArray(organisations), most],
  });
  return knowingSilence(trx, due, silentAfterMs);
}

/** What stands at a site or, with a device, only there, and is to be carried out no more. */
export interface Stop {
  readonly orgId: string;
  readonly plantId: string;
  readonly deviceId: string | null;
  readonly receivedAt: UtcInstant;
  /** Of the command that says so: what came together with it came before it when its id is lower. */
  readonly id: string;
}

const TAKE_STOPPED = `
  select ${COMMAND_COLUMNS} from app.command_log c
   where c.status = 'PENDING' and c.next_step_at is not null and c.relayed_at is null
     and c.command_type in ('SITE_SETPOINT', 'DEVICE_COMMAND', 'MODE_CHANGE')
     and exists (
       select from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[])
           as s (org_id, plant_id, device_id, received_at, id)
        where s.org_id = c.org_id and s.plant_id = c.plant_id and (c.received_at, c.id) < (s.received_at, s.id)
          and (s.device_id is null or (c.command_type = 'DEVICE_COMMAND' and c.payload ->> 'deviceId' = s.device_id)))
   order by c.id for update`;

/** The commands that no plant has been told yet and that an emergency stop does away with, whenever they are due. Locked. */
export function takeStoppedCommands(trx: Trx, stops: readonly Stop[]): Promise<CommandToExecute[]> {
  if (stops.length === 0) return Promise.resolve([]);
  return trx.query<CommandToExecute>(
    prepared(TAKE_STOPPED, [
      plainArray(stops.map(({ orgId }) => orgId)),
      plainArray(stops.map(({ plantId }) => plantId)),
      textArray(stops.map(({ deviceId }) => deviceId)),
      plainArray(stops.map(({ receivedAt }) => receivedAt)),
      plainArray(stops.map(({ id }) => id)),
    ]),
  );
}

/** How a command stands after a look at it. */
export interface CommandStanding {
  readonly orgId: string;
  readonly id: string;
  readonly status: 'PENDING' | 'EXECUTED' | 'FAILED' | 'EXPIRED';
  readonly reason: string | null;
  readonly executedAt: UtcInstant | null;
  readonly relayedAt: UtcInstant | null;
  /** When to look again; null when there is nothing left to do. */
  readonly nextStepAt: UtcInstant | null;
}

/** All in one statement: to check the conditions of this table is made ready once a statement, and dearer than a row. */
const WRITE_COMMANDS = `
  update app.command_log c
     set status = w.status, execution_reason = w.reason, executed_at = w.executed_at, relayed_at = w.relayed_at,
       next_step_at = w.next_step_at
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
      as w (org_id, id, status, reason, executed_at, relayed_at, next_step_at)
   where c.org_id = w.org_id and c.id = w.id`;

/**
 * Writes down how commands stand that have been taken in this transaction, with whatever that does next.
 *
 * @param standings one of each command
 */
export function writeCommandStandings(trx: Trx, standings: readonly CommandStanding[]): void {
  if (standings.length === 0) return;
  deferPlannedAnew(trx, WRITE_COMMANDS, [
    plainArray(standings.map(({ orgId }) => orgId)),
    plainArray(standings.map(({ id }) => id)),
    plainArray(standings.map(({ status }) => status)),
    textArray(standings.map(({ reason }) => reason)),
    plainArray(standings.map(({ executedAt }) => executedAt)),
    plainArray(standings.map(({ relayedAt }) => relayedAt)),
    plainArray(standings.map(({ nextStepAt }) => nextStepAt)),
  ]);
}

/** A message that nobody waits for any more. */
export interface Withdrawal {
  /** Of one plant, or of anything else that no other organisation has. */
  readonly orderKey: string;
  readonly messageId: string;
}

const WITHDRAW = `
  delete from app.outbox o using unnest($1::text[], $2::text[]) as w (order_key, message_id)
   where o.order_key = w.order_key and o.message_id = w.message_id`;

/** Takes messages back that are still to be published, with whatever the transaction does next. */
export function withdrawOutgoing(trx: Trx, messages: readonly Withdrawal[]): void {
  if (messages.length === 0) return;
  deferPlannedAnew(trx, WITHDRAW, [
    textArray(messages.map(({ orderKey }) => orderKey)),
    textArray(messages.map(({ messageId }) => messageId)),
  ]);
}

/** How the execution keeps up. */
export interface ExecutionState {
  /** Commands whose time has come. */
  readonly due: number;
  /** How long the one that waits longest has been due, in seconds; 0 when there is none. */
  readonly overdueSeconds: number;
}

const STATE = `
  select count(*)::int as due,
    coalesce(greatest(extract(epoch from clock_timestamp() - min(next_step_at)), 0), 0)::float8 as "overdueSeconds"
  from (
    select next_step_at from app.command_log where next_step_at <= clock_timestamp()
    union all
    select next_step_at from app.schedule_slot where next_step_at <= clock_timestamp()) d`;

/** What of the organisations in scope waits to be looked at, whoever does that. */
export async function executionState(trx: Trx): Promise<ExecutionState> {
  const [state] = await trx.query<ExecutionState>(prepared(STATE, []));
  if (state === undefined) throw new TypeError('an aggregate returned no row');
  return state;
}
