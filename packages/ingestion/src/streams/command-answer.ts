import { plantAnswer, type PlantAnswer } from '@quarterhour/contracts';
import {
  NO_ORGANISATION,
  deferRaise,
  enqueueOutgoing,
  insertReceipts,
  takeAnswered,
  writeCommandAnswers,
  writeSlotAnswers,
  type AnswerTaken,
  type AnsweredCommand,
  type AnsweredSlot,
  type OutgoingRow,
  type Trx,
} from '@quarterhour/db';
import { epochSeconds, type UtcInstant } from '@quarterhour/domain';
import { contentHash, refuseInexactNumbers } from '../canonical.js';
import { executionEvent, type Told } from '../commands/execution-events.js';
import { DEFAULT_COMMAND_RULES } from '../commands/rules.js';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import { instantAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream, type Verdict } from '../stream.js';
import { textOf, understanding } from '../understanding.js';
import { FUTURE_TOLERANCE_SECONDS } from './plant-telemetry.js';

/** What a plant did with a command, ready to be kept. */
export interface CommandAnswerFact {
  readonly orgId: string;
  readonly plantId: string;
  readonly answer: PlantAnswer;
  /** When the plant did it, by its clock. */
  readonly executedAt: UtcInstant;
  /** `source` of what the partner is told. */
  readonly eventSource: string;
  readonly contentSha256: Buffer;
  readonly body: Buffer;
}

/**
 * Answers of plant gateways to the commands that they were sent: natural key the command, each with a receipt.
 *
 * The first answer is the last word: it ends the command, and its partner is told in the same transaction. Only a command that
 * nobody had answered in time is taken up again when it turns out to have been carried out: what a plant did counts, whenever
 * it is heard of. What contradicts the last word is set aside.
 */
export const commandAnswerStream: Stream<CommandAnswerFact> = {
  name: 'command-answer',
  limits: PRECIOUS,
  ownerOf: ({ routingKey }, register) => register.plant(plantNamedBy(routingKey))?.orgId ?? null,
  receive,
  partitionDays: () => [],
  prepare: (batch) => ({ store: (trx) => store(trx, batch) }),
};

function receive(
  delivery: Delivery,
  { register, nowMillis, commandRules }: ReceiveContext,
): Received<CommandAnswerFact> {
  return understanding(delivery, (claims) => {
    const named = plantNamedBy(delivery.routingKey);
    const plant = register.plant(named);
    claims.orgId = plant?.orgId ?? NO_ORGANISATION;
    const { value, longestNumber } = decode(delivery, PRECIOUS.bodyBytes);
    claims.messageId = textOf(value['commandId']);
    const answer = shaped(plantAnswer, value);
    refuseInexactNumbers(longestNumber);
    const executedAt = instantAt(answer.executedAt, 'executedAt');
    if (answer.plantId !== named.toLowerCase()) {
      throw new FaultError('schema', 'plantId', 'the plant is not the one that the routing key names');
    }
    if (plant === undefined) {
      throw new FaultError('unknown_plant', 'plantId', 'no plant has that id', `plant ${answer.plantId}`);
    }
    if (epochSeconds(executedAt) - nowMillis / 1_000 > FUTURE_TOLERANCE_SECONDS) {
      throw new FaultError('implausible', 'executedAt', 'more than 5 minutes ahead of our clock');
    }
    return {
      orgId: plant.orgId,
      plantId: plant.id,
      answer,
      executedAt,
      eventSource: (commandRules ?? DEFAULT_COMMAND_RULES).eventSource,
      contentSha256: contentHash(value),
      body: delivery.body,
    };
  });
}

function plantNamedBy(routingKey: string): string {
  return routingKey.replace(/^answer\./, '');
}

async function store(trx: Trx, batch: readonly Understood<CommandAnswerFact>[]): Promise<readonly Verdict[]> {
  const facts = batch.map(({ fact }) => fact);
  const named = facts.map(({ orgId, plantId, answer }) => ({ orgId, plantId, commandId: answer.commandId }));
  const { commands, slots, now } = await takeAnswered(trx, named);
  const taken = takeAnswers(facts, [...commands.map((command) => ({ ...command, commandId: command.id })), ...slots]);
  writeCommandAnswers(
    trx,
    answersTo(
      commands.map(({ id }) => id),
      taken.answers,
    ),
  );
  writeSlotAnswers(
    trx,
    answersTo(
      slots.map(({ commandId }) => commandId),
      taken.answers,
    ),
  );
  const source = facts[0]?.eventSource ?? DEFAULT_COMMAND_RULES.eventSource;
  enqueueOutgoing(trx, eventsAbout(commands, taken.answers, { at: now, source }));
  const rows = facts.map(({ orgId, answer, contentSha256, body }) => ({
    orgId,
    contentSha256,
    messageId: answer.commandId,
    body,
    receivedAt: null,
  }));
  // Last, since commands wait for the organisation's head.
  deferRaise(
    trx,
    facts.map(({ orgId }) => orgId),
  );
  insertReceipts(trx, 'command-answer', rows, taken.verdicts);
  return taken.verdicts;
}

/** A command or slot as it stands. */
type Standing = Pick<AnsweredSlot, 'orgId' | 'commandId' | 'status' | 'reason' | 'relayedAt'>;

interface AnswersTaken {
  readonly verdicts: readonly Verdict[];
  /** By the command. */
  readonly answers: ReadonlyMap<string, AnswerTaken>;
}

/** One after the other, as they came. */
function takeAnswers(facts: readonly CommandAnswerFact[], standings: readonly Standing[]): AnswersTaken {
  const standing = new Map(standings.map((one) => [one.commandId, one]));
  const answers = new Map<string, AnswerTaken>();
  const verdicts = facts.map((fact) => {
    const { commandId, outcome } = fact.answer;
    const command = standing.get(commandId);
    const verdict = command === undefined ? 'conflict' : verdictOf(command, outcome);
    if (command === undefined || verdict === 'duplicate' || verdict === 'conflict') return verdict;
    const answer = answerOf(fact, command);
    answers.set(commandId, answer);
    standing.set(commandId, { ...command, status: answer.status, reason: answer.reason });
    return verdict;
  });
  return { verdicts, answers };
}

const UNANSWERED: readonly (string | null)[] = ['TIMEOUT', 'PLANT_OFFLINE'];

function verdictOf({ status, reason, relayedAt }: Standing, outcome: PlantAnswer['outcome']): Verdict {
  if (relayedAt === null) return 'conflict';
  if (status === 'PENDING') return 'stored';
  if (status === outcome) return 'duplicate';
  return status === 'FAILED' && UNANSWERED.includes(reason) ? 'revised' : 'conflict';
}

/** A late execution keeps the reason for which it was given up. */
function answerOf({ orgId, answer, executedAt }: CommandAnswerFact, { status, reason }: Standing): AnswerTaken {
  const { commandId, outcome } = answer;
  if (outcome === 'EXECUTED') {
    return { orgId, commandId, status: 'EXECUTED', reason: status === 'FAILED' ? reason : null, executedAt };
  }
  const said = answer.reason ? `PLANT_REFUSED: ${answer.reason}` : 'PLANT_REFUSED';
  return { orgId, commandId, status: 'FAILED', reason: said, executedAt: null };
}

function answersTo(commandIds: readonly string[], answers: ReadonlyMap<string, AnswerTaken>): AnswerTaken[] {
  return commandIds.flatMap((id) => answers.get(id) ?? []);
}

/** Slots are the affair of their schedule: only what became of that is told. */
function eventsAbout(
  commands: readonly AnsweredCommand[],
  answers: ReadonlyMap<string, AnswerTaken>,
  told: Told,
): OutgoingRow[] {
  return commands.flatMap((command) => {
    const answer = answers.get(command.id);
    return answer === undefined ? [] : executionEvent(command, answer, told);
  });
}
