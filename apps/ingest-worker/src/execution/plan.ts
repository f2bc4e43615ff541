import type { CommandStanding, CommandToExecute, DueCommand, DueSlot, SlotStanding } from '@quarterhour/db';
import { compareInstants, epochMicros, instantFromEpochMicros, type UtcInstant } from '@quarterhour/domain';

/** How patient the execution is. */
export interface ExecutionSettings {
  /** How long a plant may take to answer. */
  readonly answerWithinMs: number;
  /** A plant of which nothing was heard for as long is offline. */
  readonly silentAfterMs: number;
}

export const EXECUTION_SETTINGS: ExecutionSettings = { answerWithinMs: 10_000, silentAfterMs: 60_000 };

/** What is to be done about a command that is due. */
export type CommandStep =
  /** It goes to the plant. */
  | { readonly does: 'hand over'; readonly command: DueCommand }
  /** It is over without the plant. */
  | {
      readonly does: 'end';
      readonly command: DueCommand;
      readonly status: 'FAILED' | 'EXPIRED';
      readonly reason: string;
    }
  /** Its time has not come. */
  | { readonly does: 'wait'; readonly command: DueCommand; readonly until: UtcInstant };

/**
 * What is to be done about commands that plants carry out, in the order in which they were taken.
 *
 * Of commands that are to be handed over in the same moment and are about the same thing, the one that is to hold last goes
 * to the plant; what it supersedes does not, unless that is of a higher priority.
 */
export function planCommands(due: readonly DueCommand[]): CommandStep[] {
  const rivals = new Map<string, DueCommand[]>();
  for (const command of due) {
    const subject = subjectOf(command);
    if (subject === null || stepBefore(command) !== null) continue;
    const known = rivals.get(subject);
    if (known === undefined) rivals.set(subject, [command]);
    else known.push(command);
  }
  const superseded = new Set([...rivals.values()].flatMap(supersededOf));
  return due.map(
    (command) =>
      stepBefore(command) ??
      (superseded.has(command)
        ? { does: 'end', command, status: 'FAILED', reason: 'SUPERSEDED' }
        : { does: 'hand over', command }),
  );
}

/** What is to be done whatever else is due; null for one that can be handed over. */
function stepBefore(command: DueCommand): CommandStep | null {
  const { relayedAt, isPlantSilent, isDisabled, validFrom, validUntil, now } = command;
  if (relayedAt !== null) {
    return { does: 'end', command, status: 'FAILED', reason: isPlantSilent ? 'PLANT_OFFLINE' : 'TIMEOUT' };
  }
  if (isDisabled) return { does: 'end', command, status: 'FAILED', reason: 'CANCELLED' };
  if (validUntil !== null && compareInstants(validUntil, now) <= 0) {
    return { does: 'end', command, status: 'EXPIRED', reason: 'EXPIRED' };
  }
  if (validFrom !== null && compareInstants(validFrom, now) > 0) return { does: 'wait', command, until: validFrom };
  return null;
}

/** Those that do not hold: each but the last of its priority, and what a later one of a higher priority replaces. */
function supersededOf(rivals: readonly DueCommand[]): DueCommand[] {
  let highest = -Infinity;
  return [...rivals]
    .sort(byHolding)
    .reverse()
    .filter(({ priority }) => {
      const rank = rankOf(priority);
      const isSuperseded = rank <= highest;
      highest = Math.max(highest, rank);
      return isSuperseded;
    });
}

/** What a command is about: of the same, the later one holds. Null for what nothing supersedes. */
function subjectOf({ orgId, plantId, commandType, payload }: DueCommand): string | null {
  const subject = `${orgId} ${plantId} ${commandType}`;
  switch (commandType) {
    case 'SITE_SETPOINT':
    case 'MODE_CHANGE':
      return subject;
    case 'DEVICE_COMMAND':
      return `${subject} ${String(payload['deviceId'])} ${aspectOf(String(payload['action']))}`;
    default:
      return null;
  }
}

/** Limits and overflow hold beside whatever else a device does. */
function aspectOf(action: string): string {
  return action === 'SET_SOC_LIMITS' || action === 'SET_OVERFLOW' ? action : 'operation';
}

/** By when they are to hold, then as they arrived. */
function byHolding(one: DueCommand, other: DueCommand): number {
  return (
    compareInstants(holdsFrom(one), holdsFrom(other)) ||
    compareInstants(one.receivedAt, other.receivedAt) ||
    (one.id < other.id ? -1 : 1)
  );
}

function holdsFrom({ validFrom, receivedAt }: DueCommand): UtcInstant {
  return validFrom !== null && compareInstants(validFrom, receivedAt) > 0 ? validFrom : receivedAt;
}

const RANKS: Readonly<Record<string, number>> = { NORMAL: 1, HIGH: 2, EMERGENCY: 3 };

function rankOf(priority: string | null): number {
  return RANKS[priority ?? ''] ?? 0;
}

/** What is to be done about a slot that is due. */
export type SlotStep =
  | { readonly does: 'hand over'; readonly slot: DueSlot }
  /** Something goes before it: it is looked at again, as long as it lasts. */
  | { readonly does: 'hold back'; readonly slot: DueSlot }
  /** It was never its turn. */
  | { readonly does: 'skip'; readonly slot: DueSlot; readonly reason: 'SUPERSEDED' | 'CANCELLED' }
  /** It should have been carried out, and was not: somebody has to hear of it. */
  | { readonly does: 'miss'; readonly slot: DueSlot; readonly reason: string };

/**
 * What is to be done about a slot. A plant that does not answer is told again as long as the slot lasts, under the same id:
 * one that comes back carries out what is left of it.
 */
export function planSlot(slot: DueSlot, { answerWithinMs }: ExecutionSettings): SlotStep {
  const { status, reason, relayedAt, endsAt, now, isPlantSilent, isHeldBack, isDisabled } = slot;
  if (status === 'FAILED') return { does: 'miss', slot, reason: reason ?? 'PLANT_REFUSED' };
  const isOver = compareInstants(endsAt, now) <= 0;
  if (isOver && relayedAt !== null) {
    if (compareInstants(later(relayedAt, answerWithinMs), now) > 0) return { does: 'hold back', slot };
    return { does: 'miss', slot, reason: isPlantSilent ? 'PLANT_OFFLINE' : 'TIMEOUT' };
  }
  if (isDisabled) return { does: 'skip', slot, reason: 'CANCELLED' };
  if (isOver) {
    return reason === 'SUPERSEDED' ? { does: 'skip', slot, reason } : { does: 'miss', slot, reason: 'EXPIRED' };
  }
  return isHeldBack ? { does: 'hold back', slot } : { does: 'hand over', slot };
}

/** How a command that is not finished stands. */
export function pending(
  { orgId, id }: Pick<CommandToExecute, 'orgId' | 'id'>,
  { relayedAt, nextStepAt }: Pick<CommandStanding, 'relayedAt' | 'nextStepAt'>,
): CommandStanding {
  return { orgId, id, status: 'PENDING', reason: null, executedAt: null, relayedAt, nextStepAt };
}

/** How a command that is finished stands. */
export function ended(
  { orgId, id, relayedAt }: Pick<CommandToExecute, 'orgId' | 'id' | 'relayedAt'>,
  end: {
    readonly status: 'EXECUTED' | 'FAILED' | 'EXPIRED';
    readonly reason?: string | null;
    readonly executedAt?: UtcInstant | null;
  },
): CommandStanding {
  const { status, reason = null, executedAt = null } = end;
  return { orgId, id, status, reason, executedAt, relayedAt, nextStepAt: null };
}

/** How often a slot that something goes before is looked at. */
const HELD_BACK_MS = 1_000;

/** How a slot stands after its step. */
export function standingAfter(step: SlotStep, settings: ExecutionSettings): SlotStanding {
  const { orgId, commandId, status, relayedAt, reason, endsAt, now } = step.slot;
  switch (step.does) {
    case 'hand over':
      return {
        orgId,
        commandId,
        status,
        reason: null,
        relayedAt: now,
        nextStepAt: later(now, settings.answerWithinMs),
      };
    case 'hold back': {
      const again = later(now, HELD_BACK_MS);
      const isLast = compareInstants(endsAt, now) > 0 && compareInstants(endsAt, again) < 0;
      return {
        orgId,
        commandId,
        status,
        reason: relayedAt === null ? 'SUPERSEDED' : reason,
        relayedAt,
        nextStepAt: isLast ? endsAt : again,
      };
    }
    case 'skip':
    case 'miss':
      return { orgId, commandId, status: 'FAILED', reason: step.reason, relayedAt, nextStepAt: null };
  }
}

/** So many milliseconds after an instant. */
export function later(instant: UtcInstant, millis: number): UtcInstant {
  return instantFromEpochMicros(epochMicros(instant) + Math.round(millis * 1_000));
}
