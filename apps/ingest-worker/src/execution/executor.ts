import { vcpScheduleCancelPayload, vcpScheduleCreatePayload } from '@quarterhour/contracts';
import {
  endCancelledSchedules,
  enqueueOutgoing,
  listScheduleStandings,
  openScheduleSlots,
  takeDueCommands,
  takeDueSlots,
  takeStoppedCommands,
  withdrawOutgoing,
  writeCommandStandings,
  writeSlotStandings,
  type Cancellation,
  type CommandStanding,
  type CommandToExecute,
  type Database,
  type DueCommand,
  type DueSlot,
  type HeldDatabase,
  type OutgoingRow,
  type ScheduleStanding,
  type Trx,
  type Withdrawal,
} from '@quarterhour/db';
import { compareInstants, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { alarmEvent, executionEvent, type Register } from '@quarterhour/ingestion';
import { sleep, type Logger } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';
import {
  cancelMessage,
  commandMessage,
  missedSlot,
  slotMessage,
  slotWithdrawalOf,
  withdrawalOf,
} from './gateway-messages.js';
import {
  ended,
  later,
  pending,
  planCommands,
  planSlot,
  standingAfter,
  type CommandStep,
  type ExecutionSettings,
  type SlotStep,
} from './plan.js';

/** How often it is looked what is due, and how often the lock is asked for by those who do not hold it. */
const LOOK_EVERY_MS = 200;
/** What comes meanwhile is carried out together, and leaves the database to those who take it in. */
const BETWEEN_LOOKS_MS = 50;
const MOST_AT_ONCE = 500;
/** After a slot's end its answer may still come. */
const AFTER_LAST_SLOT_MS = 1_000;

export interface ExecutorContext {
  /** Of the execution alone: its only connection is the one that holds the lock. */
  readonly executionDb: Database;
  readonly register: { readonly current: Register };
  readonly log: Logger;
  readonly stopping: AbortSignal;
  /** `source` of what partners are told. */
  readonly eventSource: string;
  /** Told when something was put into the outbox. */
  readonly onEnqueued: () => void;
}

/**
 * Carries out what was taken: hands commands to plants when they are due, starts the slots of schedules, and ends what nobody
 * answers or what comes too late.
 *
 * One process at a time does so; it holds a lock, and each look is one transaction on the connection that holds it. Nothing is
 * remembered from one look to the next: what is due, what was handed over and until when an answer is awaited stands in the
 * tables.
 */
export class Executor {
  readonly #ctx: ExecutorContext;
  readonly #settings: ExecutionSettings;
  #isLeading = false;
  /** Ends the wait for the next look early. */
  #nap = new AbortController();
  #trouble: string | null = null;

  constructor(ctx: ExecutorContext, settings: ExecutionSettings) {
    this.#ctx = ctx;
    this.#settings = settings;
  }

  /** Whether this process is the one that carries out. */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** What keeps it from carrying out; null when nothing does. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Looks at once, where this process is the one that looks. */
  wake(): void {
    this.#nap.abort();
  }

  /** Carries out until told to stop. Never rejects. */
  async run(): Promise<void> {
    const { executionDb, log, stopping } = this.#ctx;
    stopping.addEventListener('abort', () => this.#nap.abort());
    while (!stopping.aborted) {
      try {
        await executionDb.alone('execution', (held) => this.#lead(held));
        this.#trouble = null;
      } catch (error) {
        if (this.#trouble === null) log.warn({ err: error }, 'nothing is carried out from here, trying again');
        this.#trouble = error instanceof Error ? error.name : 'unknown';
      }
      await sleep(LOOK_EVERY_MS, stopping);
    }
  }

  async #lead(held: HeldDatabase): Promise<void> {
    const { log, stopping } = this.#ctx;
    log.info({}, 'carrying out commands');
    this.#isLeading = true;
    try {
      while (!stopping.aborted) {
        this.#nap = new AbortController();
        const isMore = await this.#look(held);
        this.#trouble = null;
        if (isMore) continue;
        await sleep(BETWEEN_LOOKS_MS, stopping);
        await sleep(LOOK_EVERY_MS, this.#nap.signal);
      }
    } finally {
      this.#isLeading = false;
    }
  }

  /** @returns whether there may be more to do at once */
  async #look(held: HeldDatabase): Promise<boolean> {
    const organisations = this.#ctx.register.current.organisationIds;
    if (organisations.length === 0) return false;
    const query = { organisations, most: MOST_AT_ONCE, silentAfterMs: this.#settings.silentAfterMs };
    const work = await held.transaction(organisations, async (trx) => {
      const commands = await takeDueCommands(trx, query);
      const work = new Look(this.#settings, this.#ctx.eventSource);
      await work.carryOut(trx, commands);
      work.activate(await takeDueSlots(trx, query));
      work.write(trx);
      return { enqueued: work.enqueued, isMore: work.isMore || commands.length >= MOST_AT_ONCE };
    });
    if (work.enqueued > 0) this.#ctx.onEnqueued();
    return work.isMore;
  }
}

/** What one look comes to, before it is written down. */
class Look {
  readonly #settings: ExecutionSettings;
  readonly #source: string;
  readonly #standings: CommandStanding[] = [];
  readonly #slotSteps: SlotStep[] = [];
  readonly #outgoing: OutgoingRow[] = [];
  readonly #withdrawn: Withdrawal[] = [];
  /** Something that was decided makes something else due. */
  isMore = false;

  constructor(settings: ExecutionSettings, source: string) {
    this.#settings = settings;
    this.#source = source;
  }

  get enqueued(): number {
    return this.#outgoing.length;
  }

  async carryOut(trx: Trx, due: readonly DueCommand[]): Promise<void> {
    const stopped = await this.#stop(trx, due);
    const left = due.filter(({ id }) => !stopped.has(id));
    const schedules = left.filter(({ commandType }) => commandType === 'SCHEDULE_CREATE');
    const cancellations = left.filter(isFreshCancellation);
    const others = left.filter((command) => !schedules.includes(command) && !cancellations.includes(command));
    for (const step of planCommands(others)) this.#take(step);
    await this.#followSchedules(trx, schedules);
    await this.#cancelSchedules(trx, cancellations);
  }

  activate(due: readonly DueSlot[]): void {
    for (const slot of due) this.#slotSteps.push(planSlot(slot, this.#settings));
    for (const step of this.#slotSteps) {
      const { slot } = step;
      // What was handed over before and is still on its way is not told twice, nor when nobody waits for it.
      if (step.does !== 'hold back' && slot.relayedAt !== null) this.#withdrawn.push(slotWithdrawalOf(slot));
      if (step.does === 'hand over') this.#outgoing.push(slotMessage(slot));
      if (step.does === 'miss')
        this.#outgoing.push(
          ...alarmEvent(slot, missedSlot(slot, step.reason, slot.now), { at: slot.now, source: this.#source }),
        );
    }
  }

  write(trx: Trx): void {
    writeCommandStandings(trx, this.#standings);
    writeSlotStandings(
      trx,
      this.#slotSteps.map((step) => standingAfter(step, this.#settings)),
    );
    withdrawOutgoing(trx, this.#withdrawn);
    enqueueOutgoing(trx, this.#outgoing);
  }

  /** @returns ids of the commands that an emergency stop does away with */
  async #stop(trx: Trx, due: readonly DueCommand[]): Promise<ReadonlySet<string>> {
    const stops = due.filter(isFreshStop);
    const stopped = await takeStoppedCommands(trx, stops.map(stopOf));
    for (const command of stopped) this.#end(command, { status: 'FAILED', reason: 'CANCELLED' }, stops[0]?.now);
    return new Set(stopped.map(({ id }) => id));
  }

  #take(step: CommandStep): void {
    const { command } = step;
    switch (step.does) {
      case 'hand over':
        this.#await(command, commandMessage(command));
        break;
      case 'wait':
        this.#standings.push(pending(command, { relayedAt: null, nextStepAt: step.until }));
        break;
      case 'end':
        this.#end(command, step, command.now);
        if (command.relayedAt !== null) this.#withdrawn.push(withdrawalOf(command));
        break;
    }
  }

  /** A schedule is over when all of its slots are; until then only its slots are looked at. */
  async #followSchedules(trx: Trx, schedules: readonly DueCommand[]): Promise<void> {
    const standings = new Map((await listScheduleStandings(trx, schedules)).map((one) => [one.id, one]));
    for (const command of schedules) {
      const standing = standings.get(command.id);
      if (standing === undefined || standing.isCancelled || (command.isDisabled && standing.slots === 0)) {
        this.#end(command, { status: 'FAILED', reason: 'CANCELLED' }, command.now);
      } else if (standing.slots === 0) {
        this.#open(trx, command);
      } else if (standing.openSlots > 0) {
        const nextStepAt = later(command.now, AFTER_LAST_SLOT_MS);
        this.#standings.push(pending(command, { relayedAt: command.relayedAt, nextStepAt }));
      } else {
        this.#end(command, endOf(standing), command.now);
      }
    }
  }

  /** A slot that was over before the schedule came is nobody's. */
  #open(trx: Trx, command: DueCommand): void {
    const { orgId, id: scheduleId, plantId, receivedAt, now } = command;
    const slots = vcpScheduleCreatePayload.parse(command.payload).slots.map((slot) => ({
      orgId,
      scheduleId,
      plantId,
      startsAt: parseInstant(slot.from),
      endsAt: parseInstant(slot.to),
      slot: JSON.stringify(slot),
      commandId: uuidv7(),
    }));
    const came = compareInstants(receivedAt, now) < 0 ? receivedAt : now;
    const open = slots.filter(({ endsAt }) => compareInstants(endsAt, came) > 0);
    const last = open.at(-1);
    if (last === undefined) return this.#end(command, { status: 'EXPIRED', reason: 'EXPIRED' }, now);
    openScheduleSlots(trx, open);
    const nextStepAt = later(last.endsAt, this.#settings.answerWithinMs + AFTER_LAST_SLOT_MS);
    this.#standings.push(pending(command, { relayedAt: null, nextStepAt }));
  }

  /** The plant has to hear of it while it carries out a slot; otherwise it is done at once. */
  async #cancelSchedules(trx: Trx, cancellations: readonly DueCommand[]): Promise<void> {
    const cancelled = await endCancelledSchedules(trx, cancellations.map(cancellationOf));
    if (cancelled.length > 0) this.isMore = true;
    for (const command of cancellations) {
      const schedule = cancelled.find(
        ({ orgId, cancelledBy }) => orgId === command.orgId && cancelledBy === command.id,
      );
      if (schedule?.isRunning === true) this.#await(command, cancelMessage(command, schedule));
      else this.#end(command, { status: 'EXECUTED', executedAt: command.now }, command.now);
    }
  }

  /** Hands a command over. The instants tell in which order, also of one look. */
  #await(command: DueCommand, message: OutgoingRow): void {
    const relayedAt = later(command.now, this.#standings.length / 1_000);
    this.#standings.push(pending(command, { relayedAt, nextStepAt: later(relayedAt, this.#settings.answerWithinMs) }));
    this.#outgoing.push(message);
  }

  #end(command: CommandToExecute, end: Parameters<typeof ended>[1], now: UtcInstant | undefined): void {
    const standing = ended(command, end);
    if (standing.status === 'PENDING') return;
    const { status, executedAt, reason } = standing;
    this.#standings.push(standing);
    this.#outgoing.push(
      ...executionEvent(
        command,
        { status, executedAt, reason },
        { at: now ?? command.receivedAt, source: this.#source },
      ),
    );
  }
}

function isFreshStop({ commandType, payload, relayedAt, isDisabled }: DueCommand): boolean {
  return commandType === 'EMERGENCY' && payload['action'] === 'STOP' && relayedAt === null && !isDisabled;
}

function stopOf({ orgId, plantId, payload, receivedAt, id }: DueCommand) {
  const { deviceId } = payload;
  return { orgId, plantId, deviceId: typeof deviceId === 'string' ? deviceId : null, receivedAt, id };
}

function cancellationOf({ orgId, id, plantId, payload }: DueCommand): Cancellation {
  return { orgId, id, plantId, name: vcpScheduleCancelPayload.parse(payload).scheduleId };
}

function isFreshCancellation({ commandType, relayedAt }: DueCommand): boolean {
  return commandType === 'SCHEDULE_CANCEL' && relayedAt === null;
}

/** What failed decides; what was merely superseded throughout did not happen either. */
function endOf({ failure, executedSlots, lastExecutedAt }: ScheduleStanding): Parameters<typeof ended>[1] {
  if (failure !== null) return { status: 'FAILED', reason: failure };
  if (executedSlots === 0) return { status: 'FAILED', reason: 'SUPERSEDED' };
  return { status: 'EXECUTED', executedAt: lastExecutedAt };
}
