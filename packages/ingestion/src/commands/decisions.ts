import type {
  CommandPace,
  KeptCommand,
  NewCommand,
  NewSchedule,
  OutgoingRow,
  ScheduleCancellation,
  ScheduleName,
  Standing,
  TradingState,
} from '@quarterhour/db';
import { compareInstants, epochMicros, epochSeconds, microsOfSecond, type UtcInstant } from '@quarterhour/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Verdict } from '../stream.js';
import { ackMessage } from './events.js';
import type { PartnerCommandFact } from './fact.js';
import { isVouchedFor, refusalText, type Refusal } from './refusal.js';
import { MOST_DAYS_AHEAD, REPLAY_WINDOW_SECONDS } from './rules.js';

const SECONDS_PER_DAY = 86_400;
const MICROS_PER_SECOND = 1_000_000;

/**
 * Decides about commands, one after the other, and collects what follows from it: what is kept, and what is answered.
 *
 * Each is judged by the database's clock and by how trading stands as the transaction sees it. A message id stands for the
 * content that came first. The same content again changes nothing and gets the first answer again.
 */
export class Decisions {
  readonly commands: NewCommand[] = [];
  readonly schedules: NewSchedule[] = [];
  readonly cancellations: ScheduleCancellation[] = [];
  readonly answers: OutgoingRow[] = [];
  readonly #states: ReadonlyMap<string, TradingState>;
  readonly #first = new Map<string, KeptCommand>();
  readonly #known = new Map<string, KeptCommand>();
  /** Whether they are cancelled. */
  readonly #schedules = new Map<string, boolean>();
  readonly #paces = new Map<string, CommandPace>();
  readonly #changedPaces = new Map<string, CommandPace>();

  constructor({ commands, schedules, paces, states }: Standing) {
    this.#states = states;
    for (const command of commands) this.#remember(command);
    for (const schedule of schedules) this.#schedules.set(nameOf(schedule), schedule.isCancelled);
    for (const pace of paces) this.#paces.set(plantOf(pace), pace);
  }

  /** Paces that are others now. */
  get paces(): readonly CommandPace[] {
    return [...this.#changedPaces.values()];
  }

  /**
   * @param now the database's clock, by which is judged
   * @param receivedAt as which it is kept; does not fall from call to call
   */
  decide(fact: PartnerCommandFact, now: UtcInstant, receivedAt = now): Verdict {
    const known = this.#known.get(contentOf(fact));
    if (known !== undefined) {
      this.#answer(fact, known);
      return 'duplicate';
    }
    const refusal = this.#refusalOf(fact, now);
    const command = this.#commandOf(fact, refusal, { now, receivedAt });
    this.commands.push(command);
    this.#remember(command);
    this.#answer(fact, command);
    if (refusal !== null) return 'rejected';
    this.#schedule(fact, command);
    return 'stored';
  }

  #remember(command: KeptCommand): void {
    this.#known.set(contentOf(command), command);
    if (command.isFirst) this.#first.set(messageOf(command), command);
  }

  /** To whoever asked, also where another key asked first. Nobody hears of what nobody vouched for. */
  #answer({ orgId, keyId, prefix, rules }: PartnerCommandFact, command: KeptCommand): void {
    if (command.ackStatus === null || this.#stateOf(orgId) === 'DISABLED') return;
    this.answers.push(ackMessage(command, { keyId, prefix, source: rules.eventSource }));
  }

  #refusalOf(fact: PartnerCommandFact, now: UtcInstant): Refusal | null {
    if (!isVouchedFor(fact.refusal)) return fact.refusal;
    if (this.#first.has(messageOf(fact))) {
      return { code: 'CONFLICT', detail: 'another message came under this id before; that one stands' };
    }
    return (
      fact.refusal ??
      this.#closedTo(fact) ??
      tooLate(fact, now) ??
      tooFarAhead(fact, now) ??
      this.#scheduleTrouble(fact) ??
      this.#tooMany(fact, now)
    );
  }

  #stateOf(orgId: string): TradingState {
    return this.#states.get(orgId) ?? 'DISABLED';
  }

  #closedTo({ orgId, kind }: PartnerCommandFact): Refusal | null {
    const state = this.#stateOf(orgId);
    if (state === 'DISABLED') return { code: 'DRAINING', detail: 'trading is disabled' };
    if (kind === 'EMERGENCY' || state === 'ENABLED') return null;
    const detail = state === 'PAUSED' ? 'trading is paused' : 'trading is being closed';
    return { code: state, detail: `${detail}; only emergencies are carried out` };
  }

  #scheduleTrouble({ orgId, plantId, schedule }: PartnerCommandFact): Refusal | null {
    if (schedule === null || plantId === null) return null;
    const { scheduleId, slots } = schedule;
    const isCancelled = this.#schedules.get(nameOf({ orgId, plantId, scheduleId }));
    if (slots !== null && isCancelled !== undefined) {
      return { code: 'CONFLICT', detail: 'payload.scheduleId: the plant has, or had, another schedule of that name' };
    }
    if (slots === null && isCancelled !== false) {
      const detail = isCancelled ? 'is cancelled already' : 'names no schedule of the plant';
      return { code: 'UNKNOWN_SCHEDULE', detail: `payload.scheduleId: ${detail}` };
    }
    return null;
  }

  /**
   * The last to be asked: what is refused for another reason does not count. It is the pace at which commands were sent that
   * counts, so that a backlog arrives whole, and its newest are not refused for the sake of its oldest.
   */
  #tooMany({ orgId, plantId, kind, rules, publishedAt }: PartnerCommandFact, now: UtcInstant): Refusal | null {
    if (kind === 'EMERGENCY' || plantId === null) return null;
    const nowMicros = epochMicros(now);
    const sentMicros = publishedAt === null ? nowMicros : Math.min(nowMicros, epochMicros(publishedAt));
    const stepMicros = MICROS_PER_SECOND / rules.perSecond;
    const plant = plantOf({ orgId, plantId });
    const fullAtMicros = Math.max(sentMicros, this.#paces.get(plant)?.fullAtMicros ?? 0) + stepMicros;
    if (fullAtMicros - nowMicros > rules.atOnce * stepMicros) {
      return { code: 'RATE_LIMITED', detail: `more than ${rules.perSecond} commands a second for this site` };
    }
    const pace = { orgId, plantId, fullAtMicros };
    this.#paces.set(plant, pace);
    this.#changedPaces.set(plant, pace);
    return null;
  }

  #commandOf(
    fact: PartnerCommandFact,
    refusal: Refusal | null,
    { now, receivedAt }: { readonly now: UtcInstant; readonly receivedAt: UtcInstant },
  ): NewCommand {
    const isVouched = isVouchedFor(refusal);
    const isAnswered = isVouched && this.#stateOf(fact.orgId) !== 'DISABLED';
    const answer = refusal === null ? ('ACK' as const) : ('NACK' as const);
    return {
      orgId: fact.orgId,
      id: uuidv7(),
      keyId: fact.keyId,
      plantId: fact.plantId,
      siteId: fact.siteId,
      commandType: fact.kind,
      routingKey: fact.routingKey,
      messageId: fact.messageId,
      correlationId: fact.correlationId,
      payload: fact.payload,
      status: refusal === null ? 'PENDING' : 'REJECTED',
      ackStatus: isAnswered ? answer : null,
      rejectionReason: refusal === null ? null : refusalText(refusal),
      source: fact.source,
      publishedAt: fact.publishedAt,
      contentSha256: fact.contentSha256,
      isFirst: isVouched && !this.#first.has(messageOf(fact)),
      priority: fact.priority,
      validFrom: fact.validFrom,
      validUntil: fact.validUntil,
      nextStepAt: refusal === null ? firstStep(fact, now) : null,
      receivedAt,
    };
  }

  #schedule({ orgId, plantId, schedule, priority, validFrom, validUntil }: PartnerCommandFact, by: NewCommand): void {
    if (schedule === null || plantId === null) return;
    const name = { orgId, plantId, scheduleId: schedule.scheduleId };
    this.#schedules.set(nameOf(name), schedule.slots === null);
    if (schedule.slots === null) {
      this.cancellations.push({ ...name, cancelledBy: by.id, cancelledAt: by.receivedAt });
    } else if (priority !== null && validFrom !== null && validUntil !== null) {
      const { slots } = schedule;
      this.schedules.push({ ...name, id: by.id, priority, validFrom, validUntil, slots, createdAt: by.receivedAt });
    }
  }
}

/** A command waits until it is valid; a schedule waits by itself, for each of its slots. */
function firstStep({ validFrom, schedule }: PartnerCommandFact, now: UtcInstant): UtcInstant {
  return schedule === null && validFrom !== null && compareInstants(validFrom, now) > 0 ? validFrom : now;
}

function tooLate({ validUntil, publishedAt }: PartnerCommandFact, now: UtcInstant): Refusal | null {
  if (validUntil !== null && compareInstants(validUntil, now) <= 0) {
    return { code: 'EXPIRED', detail: 'it was valid until before it came' };
  }
  if (publishedAt === null || Math.abs(secondsBetween(publishedAt, now)) > REPLAY_WINDOW_SECONDS) {
    return { code: 'STALE', detail: 'timestamp: more than 5 minutes off' };
  }
  return null;
}

function tooFarAhead({ validFrom, validUntil, schedule }: PartnerCommandFact, now: UtcInstant): Refusal | null {
  const last = schedule === null ? validFrom : validUntil;
  if (last === null || secondsBetween(now, last) <= MOST_DAYS_AHEAD * SECONDS_PER_DAY) return null;
  return { code: 'IMPLAUSIBLE', detail: `more than ${MOST_DAYS_AHEAD} days ahead` };
}

function secondsBetween(from: UtcInstant, to: UtcInstant): number {
  return epochSeconds(to) - epochSeconds(from) + (microsOfSecond(to) - microsOfSecond(from)) / MICROS_PER_SECOND;
}

function messageOf({ orgId, messageId }: Pick<KeptCommand, 'orgId' | 'messageId'>): string {
  return `${orgId} ${messageId}`;
}

function contentOf(message: Pick<KeptCommand, 'orgId' | 'messageId' | 'contentSha256'>): string {
  return `${message.contentSha256.toString('hex')} ${messageOf(message)}`;
}

function plantOf({ orgId, plantId }: Pick<CommandPace, 'orgId' | 'plantId'>): string {
  return `${orgId} ${plantId}`;
}

function nameOf({ scheduleId, ...plant }: ScheduleName): string {
  return `${plantOf(plant)} ${scheduleId}`;
}
