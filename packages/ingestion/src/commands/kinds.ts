import {
  vcpDevicePayload,
  vcpEmergencyPayload,
  vcpModePayload,
  vcpScheduleCancelPayload,
  vcpScheduleCreatePayload,
  vcpSiteSetpointPayload,
  type CommandPriority,
  type VcpScheduleSlot,
} from '@quarterhour/contracts';
import type { CommandType } from '@quarterhour/db';
import { compareInstants, type UtcInstant } from '@quarterhour/domain';
import { FaultError } from '../received.js';
import { instantAt, shaped } from '../shape.js';
import { RefusalError } from './refusal.js';
import { MOST_KILOWATTS, type CommandRules } from './rules.js';

/** What a payload says about when and how urgently it is to be carried out, and about schedules. */
export interface CommandTerms {
  readonly priority: CommandPriority | null;
  readonly validFrom: UtcInstant | null;
  readonly validUntil: UtcInstant | null;
  readonly schedule: ScheduleTerms | null;
}

/** The schedule that is made, or the name of the one that ends. */
export interface ScheduleTerms {
  readonly scheduleId: string;
  /** A JSON array as text; null for one that ends. */
  readonly slots: string | null;
}

/** What a routing key can ask for. */
export interface CommandKind {
  readonly type: CommandType;
  /** Whether it is dropped without a signature. */
  needsSignature(rules: CommandRules): boolean;
  /** @throws FaultError `schema`, RefusalError */
  termsOf(payload: unknown): CommandTerms;
}

/** Of what was not read, or says nothing. */
export const NO_TERMS: CommandTerms = { priority: null, validFrom: null, validUntil: null, schedule: null };

const always = () => true;

const SITE_SETPOINT: CommandKind = {
  type: 'SITE_SETPOINT',
  needsSignature: () => false,
  termsOf(value) {
    const payload = shaped(vcpSiteSetpointPayload, value, ['payload']);
    refuseImplausible(payload.targetValueKw, 'payload.targetValueKw');
    refuseImplausible(payload.targetValueKwh, 'payload.targetValueKwh');
    return { ...NO_TERMS, priority: payload.priority, ...validity(payload) };
  },
};

const DEVICE: CommandKind = {
  type: 'DEVICE_COMMAND',
  needsSignature: always,
  termsOf(value) {
    const payload = shaped(vcpDevicePayload, value, ['payload']);
    refuseImplausible(payload.powerKw, 'payload.powerKw');
    return { ...NO_TERMS, priority: payload.priority, ...validity(payload) };
  },
};

const MODE: CommandKind = {
  type: 'MODE_CHANGE',
  needsSignature: always,
  termsOf(value) {
    const payload = shaped(vcpModePayload, value, ['payload']);
    return { ...NO_TERMS, priority: payload.priority, ...validity(payload) };
  },
};

const EMERGENCY: CommandKind = {
  type: 'EMERGENCY',
  needsSignature: ({ needsSignedEmergency }) => needsSignedEmergency,
  termsOf(value) {
    shaped(vcpEmergencyPayload, value, ['payload']);
    return { ...NO_TERMS, priority: 'EMERGENCY' };
  },
};

const SCHEDULE_CREATE: CommandKind = {
  type: 'SCHEDULE_CREATE',
  needsSignature: always,
  termsOf(value) {
    const { priority, scheduleId, slots } = shaped(vcpScheduleCreatePayload, value, ['payload']);
    const spans = slots.map(slotSpan);
    refuseDisorder(spans);
    const [first, last] = [spans[0], spans.at(-1)];
    const kept = slots.map((slot, index) => ({ ...slot, ...spans[index] }));
    return {
      priority,
      validFrom: first?.from ?? null,
      validUntil: last?.to ?? null,
      schedule: { scheduleId, slots: JSON.stringify(kept) },
    };
  },
};

const SCHEDULE_CANCEL: CommandKind = {
  type: 'SCHEDULE_CANCEL',
  needsSignature: always,
  termsOf(value) {
    const { scheduleId } = shaped(vcpScheduleCancelPayload, value, ['payload']);
    return { ...NO_TERMS, schedule: { scheduleId, slots: null } };
  },
};

/**
 * What a routing key asks for, and nothing else tells: not the queue that it came by, nor what the body says.
 *
 * @param words those after the prefix
 * @returns null for a key that asks for nothing
 */
export function kindOf([family, subject, ...more]: readonly string[]): CommandKind | null {
  if (family === 'command' && subject === 'device' && more.length <= 1) return DEVICE;
  if (more.length > 0) return null;
  switch (`${family}.${subject}`) {
    case 'command.site-setpoint':
      return SITE_SETPOINT;
    case 'command.mode':
      return MODE;
    case 'command.emergency':
      return EMERGENCY;
    case 'schedule.create':
      return SCHEDULE_CREATE;
    case 'schedule.cancel':
      return SCHEDULE_CANCEL;
    default:
      return null;
  }
}

function validity(payload: {
  readonly validFrom?: string | null | undefined;
  readonly validUntil?: string | null | undefined;
}) {
  const validFrom = payload.validFrom ? instantAt(payload.validFrom, 'payload.validFrom') : null;
  const validUntil = payload.validUntil ? instantAt(payload.validUntil, 'payload.validUntil') : null;
  if (validFrom !== null && validUntil !== null && compareInstants(validUntil, validFrom) <= 0) {
    throw new FaultError('schema', 'payload.validUntil', 'validUntil is not after validFrom');
  }
  return { validFrom, validUntil };
}

function refuseImplausible(value: number | null | undefined, path: string): void {
  if (value !== null && value !== undefined && value > MOST_KILOWATTS) {
    throw new RefusalError('IMPLAUSIBLE', `${path}: no site has as much`);
  }
}

interface Span {
  readonly from: UtcInstant;
  readonly to: UtcInstant;
}

function slotSpan({ from, to, targetPowerKw }: VcpScheduleSlot, index: number): Span {
  const path = `payload.slots.${index}`;
  refuseImplausible(targetPowerKw, `${path}.targetPowerKw`);
  return { from: instantAt(from, `${path}.from`), to: instantAt(to, `${path}.to`) };
}

function refuseDisorder(spans: readonly Span[]): void {
  for (const [index, { from, to }] of spans.entries()) {
    const path = `payload.slots.${index}`;
    if (compareInstants(to, from) <= 0) throw new FaultError('schema', `${path}.to`, 'a slot ends after it begins');
    const before = spans[index - 1];
    if (before !== undefined && compareInstants(from, before.to) < 0) {
      throw new FaultError('schema', `${path}.from`, 'slots are in order and do not overlap');
    }
  }
}
