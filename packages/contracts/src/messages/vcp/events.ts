import { z } from 'zod';
import { instantText, uuidText } from '../../scalars.js';
import { vcpEnvelope } from './envelope.js';

/** `source` of the envelopes that we send, unless a deployment says otherwise. */
export const EVENT_SOURCE = 'quarterhour';

/** Payload of `{prefix}.event.command.ack`: whether a command was taken. The members are the reading taken of VCP 1.1. */
export const vcpAckPayload = z
  .object({
    commandMessageId: z.string(),
    status: z.enum(['ACK', 'NACK']),
    /** A code of {@link REJECTIONS}, a colon and a sentence; there when it is a NACK. */
    rejectionReason: z.string().optional(),
    receivedAt: instantText,
  })
  .meta({ id: 'VcpAckPayload', title: 'Answer to a command' });
export type VcpAckPayload = z.infer<typeof vcpAckPayload>;

/** What a plant made of a command, as it is told. */
export const EXECUTION_STATES = ['PENDING', 'EXECUTED', 'FAILED', 'EXPIRED'] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** Payload of `{prefix}.event.execution`: what became of a command that was taken. The reading taken of VCP 1.1. */
export const vcpExecutionPayload = z
  .object({
    commandMessageId: z.string(),
    status: z.enum(EXECUTION_STATES),
    executedAt: instantText.optional(),
    /** A code of {@link EXECUTION_REASONS}, perhaps with a colon and a sentence. */
    reason: z.string().optional(),
  })
  .meta({ id: 'VcpExecutionPayload', title: 'Execution of a command' });
export type VcpExecutionPayload = z.infer<typeof vcpExecutionPayload>;

/** How bad an alarm is. VCP 1.1 leaves the values open; these are the ones that we send. */
export const ALARM_SEVERITIES = ['INFO', 'WARNING', 'CRITICAL'] as const;

/** Alarms that we raise. Others are reserved, and consumers have to bear them. */
export const ALARM_CODES = ['CONSTRAINT_VIOLATION', 'OPERATING_MODE_NOT_HONORED', 'SCHEDULE_SLOT_MISSED'] as const;

/** Payload of `{prefix}.event.alarm`, as VCP 1.1 has it. `alarmId` is the same when an alarm is raised and when it is over. */
export const vcpAlarmPayload = z
  .object({
    alarmId: z.string(),
    severity: z.enum(ALARM_SEVERITIES),
    code: z.enum(ALARM_CODES),
    message: z.string(),
    deviceId: z.string().optional(),
    raisedAt: instantText,
    clearedAt: instantText.optional(),
    actualValue: z.union([z.string(), z.number()]).optional(),
    expectedValue: z.union([z.string(), z.number()]).optional(),
    breachedField: z.string().optional(),
    tolerancePercent: z.number().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'VcpAlarmPayload', title: 'Alarm of a site' });
export type VcpAlarmPayload = z.infer<typeof vcpAlarmPayload>;

/**
 * Envelope of what we send. `correlationId` of an answer is the command's, or its message id where it has none; `siteId` is
 * our id of the plant, or what the command named where there is no such plant. Answers are not signed.
 */
function eventOf<Payload extends z.ZodType>(payload: Payload) {
  return vcpEnvelope
    .pick({ version: true, messageId: true, correlationId: true, timestamp: true, source: true, siteId: true })
    .extend({ messageId: uuidText, payload });
}

export const vcpAckEvent = eventOf(vcpAckPayload).meta({ id: 'VcpAckEvent', title: 'Answer to a command' });
export type VcpAckEvent = z.infer<typeof vcpAckEvent>;

export const vcpExecutionEvent = eventOf(vcpExecutionPayload).meta({
  id: 'VcpExecutionEvent',
  title: 'Execution of a command',
});
export type VcpExecutionEvent = z.infer<typeof vcpExecutionEvent>;

export const vcpAlarmEvent = eventOf(vcpAlarmPayload).meta({ id: 'VcpAlarmEvent', title: 'Alarm of a site' });
export type VcpAlarmEvent = z.infer<typeof vcpAlarmEvent>;
