import { randomBytes, randomUUID } from 'node:crypto';
import {
  EXCHANGES,
  plantAnswerKey,
  type CommandPriority,
  type PlantAnswer,
  type PlantCommand,
} from '@quarterhour/contracts';
import { openDatabase, type Database, type OrganisationRow, type PlantRow } from '@quarterhour/db';
import { RegisterWatch } from '@quarterhour/ingestion';
import { createLogger } from '@quarterhour/runtime';
import { anApiKey, anOrganisation, aPlant, takeIn, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { Executor } from '../src/execution/executor.js';
import type { ExecutionSettings } from '../src/execution/plan.js';

const log = createLogger({ name: 'test', level: 'fatal' });

/** A command as it was taken from a partner: due at once, unless told otherwise. Times are milliseconds from now. */
export interface TakenCommand {
  readonly id?: string;
  readonly commandType?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly priority?: CommandPriority | null;
  readonly validFromMs?: number;
  readonly validUntilMs?: number;
  readonly receivedMs?: number;
  readonly plantId?: string;
  readonly correlationId?: string;
  readonly dueMs?: number;
}

export interface StoredCommand {
  readonly status: string;
  readonly reason: string | null;
  readonly is_relayed: boolean;
  readonly is_done: boolean;
}

/** A message of the outbox with its body read. */
export interface Told<Body> {
  readonly vhost: string;
  readonly routing_key: string;
  readonly order_key: string;
  readonly message_id: string;
  readonly body: Body;
}

export interface EventBody {
  readonly correlationId: string;
  readonly siteId: string;
  readonly payload: Readonly<Record<string, unknown>> & { readonly status?: string; readonly reason?: string };
}

/** A database with a partner and its plant, and an executor on it that is looked after by the test. */
export interface ExecutionHouse {
  readonly database: TestDatabase;
  readonly ingest: Database;
  readonly organisation: OrganisationRow;
  readonly plant: PlantRow;
  readonly keyId: string;
  /** Starts an executor. @returns ends it, as if its process were gone */
  start(settings?: Partial<ExecutionSettings>): Promise<() => Promise<void>>;
  /** @returns the id of the command */
  take(command?: TakenCommand): Promise<string>;
  /** @returns the id of the schedule; slots are milliseconds from now */
  takeSchedule(schedule: {
    readonly name?: string;
    readonly priority?: CommandPriority;
    readonly slots: readonly (readonly [fromMs: number, toMs: number])[];
  }): Promise<string>;
  /** @returns the id of the command that cancels it */
  cancelSchedule(id: string): Promise<string>;
  command(id: string): Promise<StoredCommand>;
  slots(
    scheduleId: string,
  ): Promise<{ command_id: string; status: string; reason: string | null; is_relayed: boolean }[]>;
  /** What gateways are told, in order. */
  toPlants(): Promise<Told<PlantCommand>[]>;
  /** What partners are told, in order. */
  toPartners(): Promise<Told<EventBody>[]>;
  answer(commandId: string, different?: Partial<PlantAnswer>): Promise<string>;
  /** Telemetry arrives. */
  hear(): Promise<void>;
  write(text: string, ...values: unknown[]): Promise<unknown>;
  rows<R extends object>(text: string, ...values: unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

const TAKE = `
  insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, correlation_id, payload,
    status, ack_status, created_at, key_id, source, published_at, received_at, content_sha256, is_first, priority,
    valid_from, valid_until, next_step_at)
  select $1::uuid, $2::uuid, $3::uuid, $3::text, $4, 'partner.command', 'message-' || $2::text, $5, $6::jsonb, 'PENDING', 'ACK',
    at, $7::uuid, 'test', at, at, $8::bytea, true, $9, now + $10::float8 * ms, now + $11::float8 * ms, now + $13::float8 * ms
  from (select clock_timestamp() as now, interval '1 millisecond' as ms) c,
    lateral (select now + $12::float8 * ms as at) a`;

export async function anExecutionHouse(): Promise<ExecutionHouse> {
  const database = await testDatabase();
  const { admin } = database;
  const organisation = await anOrganisation(admin);
  const plant = await aPlant(admin, organisation);
  const keyId = await anApiKey(admin, organisation);
  const ingest = openDatabase({ url: database.ingestUrl, applicationName: 'test', maxConnections: 4 });
  const running: (() => Promise<void>)[] = [];
  const write = (text: string, ...values: unknown[]) =>
    admin.transaction([organisation.id], (trx) => trx.query({ text, values }));
  const rows = <R extends object>(text: string, ...values: unknown[]) =>
    admin.read([], (trx) => trx.query<R>({ text, values }));

  const take: ExecutionHouse['take'] = async (command = {}) => {
    const { id = randomUUID(), commandType = 'SITE_SETPOINT' } = command;
    const { priority = commandType === 'EMERGENCY' ? 'EMERGENCY' : 'NORMAL' } = command;
    await write(
      TAKE,
      organisation.id,
      id,
      command.plantId ?? plant.id,
      commandType,
      command.correlationId ?? null,
      JSON.stringify(command.payload ?? { type: 'POWER', targetValueKw: 10, direction: 'EXPORT' }),
      keyId,
      randomBytes(32),
      priority,
      command.validFromMs ?? null,
      command.validUntilMs ?? null,
      command.receivedMs ?? 0,
      command.dueMs ?? 0,
    );
    return id;
  };

  const told = async <Body>(isToPlants: boolean): Promise<Told<Body>[]> => {
    const found = await rows<{
      text: string;
      vhost: string;
      routing_key: string;
      order_key: string;
      message_id: string;
    }>(
      `select convert_from(body, 'UTF8') as text, vhost, routing_key, order_key, message_id from app.outbox
        where (exchange = $1) = $2 order by id`,
      EXCHANGES.fleet,
      isToPlants,
    );
    return found.map(({ text, ...one }) => {
      const body: Body = JSON.parse(text);
      return { ...one, body };
    });
  };

  return {
    database,
    ingest,
    organisation,
    plant,
    keyId,
    take,
    write,
    rows,
    async start(settings = {}) {
      const executionDb = openDatabase({ url: database.ingestUrl, applicationName: 'executor', maxConnections: 1 });
      const stopping = new AbortController();
      const register = await RegisterWatch.open(ingest);
      const executor = new Executor(
        {
          executionDb,
          register,
          log,
          stopping: stopping.signal,
          eventSource: 'quarterhour',
          onEnqueued: () => undefined,
        },
        { answerWithinMs: 10_000, silentAfterMs: 60_000, ...settings },
      );
      const done = executor.run();
      const stop = async () => {
        stopping.abort();
        await done;
        await executionDb.close();
      };
      let isStopped = false;
      const once = async () => {
        if (isStopped) return;
        isStopped = true;
        await stop();
      };
      running.push(once);
      return once;
    },
    async takeSchedule({ name = `plan-${randomUUID().slice(0, 8)}`, priority = 'NORMAL', slots }) {
      const now = Date.now();
      const instant = (ms: number) => new Date(now + ms).toISOString();
      const payload = {
        scheduleId: name,
        priority,
        slots: slots.map(([from, to]) => ({
          from: instant(from),
          to: instant(to),
          targetPowerKw: 5,
          direction: 'EXPORT',
          includeConsumption: true,
        })),
      };
      const id = await take({ commandType: 'SCHEDULE_CREATE', priority, payload, dueMs: 3_600_000 });
      await write(
        `insert into app.schedule (org_id, id, plant_id, schedule_id, priority, valid_from, valid_until, slots, created_at)
         select $1::uuid, $2::uuid, $3::uuid, $4, $5, ($6::jsonb -> 0 ->> 'from')::timestamptz,
           ($6::jsonb -> -1 ->> 'to')::timestamptz, $6::jsonb, clock_timestamp()`,
        organisation.id,
        id,
        plant.id,
        name,
        priority,
        JSON.stringify(payload.slots),
      );
      await write(`update app.command_log set next_step_at = clock_timestamp() where id = $1::uuid`, id);
      return id;
    },
    async cancelSchedule(id) {
      const [named] = await rows<{ name: string }>(
        'select schedule_id as name from app.schedule where id = $1::uuid',
        id,
      );
      const cancel = await take({
        commandType: 'SCHEDULE_CANCEL',
        priority: null,
        payload: { payloadVersion: 1, scheduleId: named?.name },
        dueMs: 3_600_000,
      });
      await write(
        `update app.schedule set cancelled_at = clock_timestamp(), cancelled_by = $2::uuid where id = $1::uuid`,
        id,
        cancel,
      );
      await write(`update app.command_log set next_step_at = clock_timestamp() where id = $1::uuid`, cancel);
      return cancel;
    },
    async command(id) {
      const [found] = await rows<StoredCommand>(
        `select status, execution_reason as reason, relayed_at is not null as is_relayed, next_step_at is null as is_done
         from app.command_log where id = $1::uuid`,
        id,
      );
      if (found === undefined) throw new Error('no such command');
      return found;
    },
    slots: (scheduleId) =>
      rows(
        `select command_id, status, execution_reason as reason, relayed_at is not null as is_relayed
         from app.schedule_slot where schedule_id = $1::uuid order by starts_at`,
        scheduleId,
      ),
    toPlants: () => told<PlantCommand>(true),
    toPartners: () => told<EventBody>(false),
    answer(commandId, different = {}) {
      const answer: PlantAnswer = {
        version: 1,
        commandId,
        plantId: plant.id,
        outcome: 'EXECUTED',
        executedAt: new Date().toISOString(),
        ...different,
      };
      return takeIn(ingest, {
        stream: 'command-answer',
        exchange: EXCHANGES.fleet,
        routingKey: plantAnswerKey(answer.plantId),
        body: Buffer.from(JSON.stringify(answer)),
      });
    },
    async hear() {
      await write(`update app.command_log set answered_at = clock_timestamp() where plant_id = $1::uuid`, plant.id);
    },
    async close() {
      for (const stop of running) await stop();
      await ingest.close();
      await database.drop();
    },
  };
}
