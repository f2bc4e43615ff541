import { setMaxListeners } from 'node:events';
import { EXCHANGES, outboundQueue, partnerVhost } from '@quarterhour/contracts';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { median } from '../../bench/figures.js';
import { PlantGateway } from '../../demo/plant-simulator/plant-gateway.js';
import type { Done } from '../../demo/plant-simulator/simulated-plant.js';
import { keyRingFile } from '../../start-secrets.js';
import type { Arena } from '../arena.js';
import { ControlApi } from '../lifecycle/control-api.js';
import type { WorkerFleet } from '../worker-fleet.js';
import { Commander } from './commander.js';
import {
  judgeCommands,
  tallyCommands,
  type Arrival,
  type CommandBooks,
  type CommandEquation,
  type CommandOnRecord,
} from './judge-commands.js';
import { FAULTS, planFaults, type Fault, type PlannedFault } from './plan.js';

const WORKERS = 2;
const COMMANDS_PER_PLANT_AND_SECOND = 6;
const CONVERGED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 500;
const QUIET_LOOKS = 4;
const MOST_SHOWN = 20;
/** Of a hundred commands, a plant refuses so many. */
const REFUSED = 5;

export const COMMAND_PARTNERS = 4;

export interface CommandsOptions {
  readonly seed: string;
  readonly seconds: number;
  /** Built programs. */
  readonly worker: string;
  readonly controlApi: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What one run showed. */
export interface CommandsReport {
  readonly ok: boolean;
  readonly seed: string;
  readonly seconds: number;
  readonly partners: number;
  readonly commands: number;
  readonly confirmed: number;
  /** On record, by status. */
  readonly states: Readonly<Record<string, number>>;
  /** That came to plants, copies included. */
  readonly arrivals: number;
  /** Milliseconds from when it was taken to when it was handed over, and to the plant's answer: the median. */
  readonly handedOverAfterMs: number | null;
  readonly executedAfterMs: number | null;
  readonly faults: Readonly<Record<Fault, number>>;
  readonly findings: Readonly<Record<CommandEquation, number>>;
  /** From the last fault healed to everything answered and finished; null when that never came. */
  readonly convergedAfterSeconds: number | null;
  readonly exitStatuses: readonly (number | null)[];
  /** What keeps the run from proving anything; empty when enough happened. */
  readonly tooLittle: readonly string[];
}

/** Partners command their plants with keys of their own while everything is killed now and then. */
export async function commands(arena: Arena, options: CommandsOptions): Promise<CommandsReport> {
  const { seed, seconds, say, signal } = options;
  const api = await ControlApi.start(arena, options.controlApi);
  const environment = {
    QUARTERHOUR_KEY_RING: keyRingFile(arena.servers.folder),
    QUARTERHOUR_COMMANDS_PER_SECOND: '1000',
    QUARTERHOUR_COMMANDS_AT_ONCE: '1000',
  };
  const fleet = await arena.startWorkers({ size: WORKERS, entry: options.worker, environment });
  const partners: Commander[] = [];
  for (const organisation of arena.organisations) {
    partners.push(await Commander.prepare(arena, api, organisation, signal));
  }
  const arrivals: Arrival[] = [];
  const gateway = await startGateway(arena, arrivals);
  arena.endsFirst(() => gateway.close());

  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  setMaxListeners(10 * partners.length, over.signal, signal);
  void sleep(seconds * 1_000, over.signal).then(() => over.abort());
  say(`${partners.length} partners command their plants for ${seconds} s`);
  const lines = await Promise.all(partners.map((partner) => partner.follow(signal)));
  for (const line of lines) arena.endsFirst(() => line.close());
  const commanding = Promise.all(
    partners.map((partner, index) =>
      partner.command(at(lines, index), seed, COMMANDS_PER_PLANT_AND_SECOND, over.signal),
    ),
  );
  const faults = await disturb({ arena, fleet, partners, say }, seed, over.signal);
  await commanding;
  signal.throwIfAborted();
  say(`everything is commanded after ${arena.seconds().toFixed(1)} s`);

  const convergedAfterSeconds = await converged(arena, partners, signal);
  signal.throwIfAborted();
  const exitStatuses = [...(await fleet.stop()), await api.stop()];
  const books = await readBooks(arena, partners, arrivals);
  const findings = judgeCommands(books);
  for (const { equation, about } of findings.slice(0, MOST_SHOWN)) say(`  ${equation}: ${about}`);
  const states: Record<string, number> = {};
  for (const { status } of books.taken) states[status] = (states[status] ?? 0) + 1;
  const confirmed = books.sent.filter(({ isConfirmed }) => isConfirmed).length;
  const tooLittle = whatIsMissing(seconds, { confirmed, faults, executed: states['EXECUTED'] ?? 0 });
  const isClean = findings.length === 0 && exitStatuses.every((status) => status === 0);
  return {
    ok: isClean && convergedAfterSeconds !== null && tooLittle.length === 0,
    seed,
    seconds,
    partners: partners.length,
    commands: books.sent.length,
    confirmed,
    states,
    arrivals: arrivals.length,
    ...(await latencies(arena)),
    faults,
    findings: tallyCommands(findings),
    convergedAfterSeconds,
    exitStatuses,
    tooLittle,
  };
}

/** Plants that do what they are told, or refuse, by what they are told. */
function startGateway(arena: Arena, arrivals: Arrival[]): Promise<PlantGateway> {
  const plant = {
    advance: () => undefined,
    sample: () => ({ dataQuality: 'GOOD' as const }),
    carryOut: ({ payload }: { readonly payload: Readonly<Record<string, unknown>> }): Done =>
      markOf(payload) % 100 < REFUSED
        ? { outcome: 'FAILED', reason: 'it does not please' }
        : { outcome: 'EXECUTED', reason: null },
  };
  return PlantGateway.start({
    broker: arena.broker,
    plants: new Map(arena.organisations.flatMap(({ plants }) => plants.map((plantId) => [plantId, plant] as const))),
    clock: systemClock,
    log: createLogger({ name: 'gateway', level: 'fatal' }),
    measuresEveryMs: null,
    onCommand: ({ commandId, plantId, payload }, isRedelivered) =>
      arrivals.push({ commandId, plantId, mark: markOf(payload), isRedelivered }),
  });
}

function markOf(payload: Readonly<Record<string, unknown>>): number {
  return Number(payload['targetValueKw'] ?? payload['powerKw']);
}

interface Field {
  readonly arena: Arena;
  readonly fleet: WorkerFleet;
  readonly partners: readonly Commander[];
  readonly say: (line: string) => void;
}

/** Does what was planned, one after the other, until the signal is aborted; what is broken is mended. */
async function disturb(field: Field, seed: string, signal: AbortSignal): Promise<Record<Fault, number>> {
  const counts: Record<Fault, number> = { worker: 0, broker: 0, database: 0, 'answers unbound': 0 };
  for (const planned of planFaults(seed)) {
    await sleep(planned.afterMs, signal);
    if (signal.aborted) break;
    if (await breakOne(field, planned)) counts[planned.fault] += 1;
    field.say(`${field.arena.seconds().toFixed(1).padStart(6)} s  ${planned.fault}`);
  }
  return counts;
}

async function breakOne({ arena, fleet, partners }: Field, { fault, target, holdMs }: PlannedFault): Promise<boolean> {
  switch (fault) {
    case 'worker': {
      const worker = fleet.at(target);
      const isAtWork = worker.address !== null;
      return worker.signal('SIGKILL') && isAtWork;
    }
    case 'broker': {
      const { rabbitmq } = arena.servers;
      rabbitmq.signal(0, 'SIGKILL');
      while (rabbitmq.isRunning(0)) await sleep(50);
      await sleep(holdMs);
      await rabbitmq.startNode(0);
      return true;
    }
    case 'database':
      await arena.servers.postgres.kill();
      await sleep(holdMs);
      await arena.servers.postgres.restart();
      return true;
    case 'answers unbound':
      return unbind(arena, at(partners, target % partners.length), holdMs);
  }
}

/** Nobody can be answered for a while. */
async function unbind({ api }: Arena, { keyId, organisation }: Commander, holdMs: number): Promise<boolean> {
  const vhost = partnerVhost(keyId);
  const { name: queue, routingKey } = outboundQueue(organisation.queuePrefix, 'status');
  const binding = { exchange: EXCHANGES.vcp, queue, routingKey };
  await api.deleteBinding(vhost, binding);
  await sleep(holdMs);
  await api.declare(vhost, { exchanges: [], queues: [], bindings: [binding] });
  return true;
}

const STANDS = `
  select (select count(*) from app.command_log where status = 'PENDING')::int as pending,
    (select count(*) from app.outbox)::int as outbox, (select count(*) from app.command_log)::int as taken`;

/** Waits until nothing is pending, nothing is to be sent, and nothing more comes. */
async function converged(arena: Arena, partners: readonly Commander[], signal: AbortSignal): Promise<number | null> {
  const began = systemClock.monotonicMillis();
  const elapsed = () => systemClock.monotonicMillis() - began;
  let quiet = 0;
  let before = '';
  while (elapsed() < CONVERGED_WITHIN_MS && !signal.aborted) {
    const stands = await arena.admin
      .read([], (trx) => trx.query<{ pending: number; outbox: number; taken: number }>({ text: STANDS, values: [] }))
      .then(
        ([row]) => row,
        () => undefined,
      );
    const heard = partners.map(({ acks, executions }) => `${acks.size} ${executions.size}`).join();
    const now = `${stands?.taken} ${heard}`;
    const isQuiet = stands?.pending === 0 && stands.outbox === 0 && now === before;
    quiet = isQuiet ? quiet + 1 : 0;
    before = now;
    if (quiet === QUIET_LOOKS) return elapsed() / 1_000;
    await sleep(LOOK_EVERY_MS, signal);
  }
  return null;
}

const TAKEN = `
  select id, message_id as "messageId", plant_id as "plantId", status, ack_status as "ackStatus",
    relayed_at is not null as "isRelayed"
  from app.command_log where plant_id is not null order by received_at, id`;
const HANDED_OVER = 'select id from app.command_log where relayed_at is not null order by relayed_at';

async function readBooks(
  arena: Arena,
  partners: readonly Commander[],
  arrivals: readonly Arrival[],
): Promise<CommandBooks> {
  const record = await arena.admin.read([], async (trx) => ({
    taken: await trx.query<CommandOnRecord>({ text: TAKEN, values: [] }),
    handedOver: await trx.query<{ id: string }>({ text: HANDED_OVER, values: [] }),
    stands: await trx.query<{ outbox: number }>({ text: STANDS, values: [] }),
  }));
  return {
    sent: partners.flatMap(({ sent }) => sent),
    acks: new Map(partners.flatMap(({ acks }) => [...acks])),
    executions: new Map(partners.flatMap(({ executions }) => [...executions])),
    taken: record.taken,
    handedOver: record.handedOver.map(({ id }) => id),
    arrivals,
    outbox: record.stands[0]?.outbox ?? 0,
  };
}

const LATENCIES = `
  select extract(epoch from relayed_at - received_at)::float8 * 1000 as "handedOver",
    extract(epoch from answered_at - received_at)::float8 * 1000 as executed
  from app.command_log where answered_at is not null`;

async function latencies(arena: Arena): Promise<Pick<CommandsReport, 'handedOverAfterMs' | 'executedAfterMs'>> {
  const rows = await arena.admin.read([], (trx) =>
    trx.query<{ handedOver: number; executed: number }>({ text: LATENCIES, values: [] }),
  );
  if (rows.length === 0) return { handedOverAfterMs: null, executedAfterMs: null };
  return {
    handedOverAfterMs: Math.round(median(rows.map(({ handedOver }) => handedOver))),
    executedAfterMs: Math.round(median(rows.map(({ executed }) => executed))),
  };
}

/** Shares of what 120 seconds must bring. */
function whatIsMissing(
  seconds: number,
  has: {
    readonly confirmed: number;
    readonly executed: number;
    readonly faults: Readonly<Record<Fault, number>>;
  },
): string[] {
  const share = Math.min(1, seconds / 120);
  const missing = (what: string, count: number, needs: number) =>
    count >= needs ? [] : [`${count} of ${needs} ${what}`];
  return [
    ...missing('confirmed commands', has.confirmed, Math.floor(1_500 * share)),
    ...missing('executed commands', has.executed, Math.floor(800 * share)),
    ...FAULTS.flatMap((fault) => missing(`times "${fault}"`, has.faults[fault], Math.floor(2 * share))),
  ];
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`nothing at ${index}`);
  return item;
}
