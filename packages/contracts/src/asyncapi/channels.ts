import type { z } from 'zod';
import {
  vcpDevicePayload,
  vcpEmergencyPayload,
  vcpModePayload,
  vcpScheduleCancelPayload,
  vcpScheduleCreatePayload,
  vcpSiteSetpointPayload,
} from '../messages/vcp/commands.js';
import {
  vcpConstraintsPayload,
  vcpFallbackPayload,
  vcpTopologyPayload,
  type ConfigSubject,
} from '../messages/vcp/config.js';
import { vcpEnvelope } from '../messages/vcp/envelope.js';
import { vcpAckEvent, vcpAlarmEvent, vcpExecutionEvent } from '../messages/vcp/events.js';
import { vcpMeterEvent, vcpRealtimeEvent } from '../messages/vcp/telemetry-events.js';
import { vcpMeterPayload, vcpRealtimePayload } from '../messages/vcp/telemetry.js';

/** One kind of message between a partner and us. */
export interface PartnerChannel {
  /** Name of the channel, its message and its schema, in camel case. */
  readonly name: string;
  /** Routing keys on exchange `vcp`, with their variable words in braces. The first is the one to use. */
  readonly keys: readonly [string, ...string[]];
  /** `in` is what the partner publishes, `out` what it reads. */
  readonly direction: 'in' | 'out';
  readonly title: string;
  readonly description: string;
  /** Whether a message without a signature is dropped. Of `emergency` a setting decides. */
  readonly signature: 'required' | 'verified when present' | 'none';
  /** Whether VCP 1.1 defines the payload, or leaves it open and the shape is ours. */
  readonly payloadOf: 'VCP 1.1' | 'Quarterhour';
  /** Envelope with its payload: what a message is checked with. */
  readonly schema: z.ZodType;
}

const envelopeWith = (payload: z.ZodType) => vcpEnvelope.extend({ payload });
const signed = { direction: 'in', signature: 'required', payloadOf: 'Quarterhour' } as const;
const unsigned = { direction: 'in', signature: 'verified when present' } as const;
const config = (subject: ConfigSubject) =>
  ({
    ...unsigned,
    name: subject,
    keys: [`{prefix}.config.${subject}`, `{prefix}.config.${subject}.{siteId}`],
    payloadOf: 'Quarterhour',
  }) as const;
const ours = { direction: 'out', signature: 'none' } as const;

/** Everything that a partner may publish or read, in the order in which it is explained. */
export const PARTNER_CHANNELS: readonly PartnerChannel[] = [
  {
    ...unsigned,
    name: 'siteSetpoint',
    keys: ['{prefix}.command.site-setpoint'],
    title: 'Set-point of a site',
    description: 'What a site is to exchange at its point of connection. Answered on commandAck, later on execution.',
    payloadOf: 'VCP 1.1',
    schema: envelopeWith(vcpSiteSetpointPayload),
  },
  {
    ...signed,
    name: 'deviceCommand',
    keys: ['{prefix}.command.device', '{prefix}.command.device.{device}'],
    title: 'Command of a device',
    description: 'Has one device of a site do something. Answered on commandAck, later on execution.',
    schema: envelopeWith(vcpDevicePayload),
  },
  {
    ...signed,
    name: 'modeChange',
    keys: ['{prefix}.command.mode'],
    title: 'Operating mode of a site',
    description: 'Sets the mode of a site. Answered on commandAck, later on execution.',
    schema: envelopeWith(vcpModePayload),
  },
  {
    ...unsigned,
    name: 'emergency',
    keys: ['{prefix}.command.emergency'],
    title: 'Emergency stop',
    description: 'Stops a site or one of its devices at once, or lets it go on. Sign it all the same.',
    payloadOf: 'Quarterhour',
    schema: envelopeWith(vcpEmergencyPayload),
  },
  {
    ...signed,
    name: 'scheduleCreate',
    keys: ['{prefix}.schedule.create'],
    title: 'Schedule of a site',
    description: 'What a site is to exchange, slot by slot. Answered on commandAck, later on execution.',
    schema: envelopeWith(vcpScheduleCreatePayload),
  },
  {
    ...signed,
    name: 'scheduleCancel',
    keys: ['{prefix}.schedule.cancel'],
    title: 'End of a schedule',
    description: 'Takes a schedule back. Answered on commandAck.',
    schema: envelopeWith(vcpScheduleCancelPayload),
  },
  {
    ...config('constraints'),
    title: 'Constraints of a site',
    description: 'What a site must keep to at its point of connection, and its batteries to.',
    schema: envelopeWith(vcpConstraintsPayload),
  },
  {
    ...config('topology'),
    title: 'Topology of a site',
    description: 'What a site consists of, each device below its parent.',
    schema: envelopeWith(vcpTopologyPayload),
  },
  {
    ...config('fallback'),
    title: 'Fallback of a site',
    description: 'What a site does when nothing was heard for so long.',
    schema: envelopeWith(vcpFallbackPayload),
  },
  {
    ...unsigned,
    name: 'realtimeTelemetry',
    keys: ['{prefix}.telemetry.realtime', '{prefix}.telemetry.realtime.{siteId}'],
    title: 'Telemetry that a partner measures itself',
    description: 'A sample of a site at the instant of the envelope. The key is ours: VCP 1.1 knows the way back only.',
    payloadOf: 'Quarterhour',
    schema: envelopeWith(vcpRealtimePayload),
  },
  {
    ...unsigned,
    name: 'meterTelemetry',
    keys: ['{prefix}.telemetry.meter', '{prefix}.telemetry.meter.{siteId}'],
    title: 'Meter registers that a partner reads itself',
    description: 'Registers of the meters of a site. The key is ours: VCP 1.1 knows the way back only.',
    payloadOf: 'Quarterhour',
    schema: envelopeWith(vcpMeterPayload),
  },
  {
    ...ours,
    name: 'commandAck',
    keys: ['{prefix}.event.command.ack'],
    title: 'Answer to a command',
    description:
      'Whether a command or schedule was taken. correlationId is that of the command, or else its messageId.',
    payloadOf: 'Quarterhour',
    schema: vcpAckEvent,
  },
  {
    ...ours,
    name: 'execution',
    keys: ['{prefix}.event.execution'],
    title: 'Execution of a command',
    description: 'What the plant made of a command that was taken. correlationId as in the answer.',
    payloadOf: 'Quarterhour',
    schema: vcpExecutionEvent,
  },
  {
    ...ours,
    name: 'realtimeEvent',
    keys: ['{prefix}.event.telemetry.realtime.{siteId}'],
    title: 'Realtime telemetry of a site',
    description: 'What a site does, whoever measured it. At least once: drop a messageId that you know.',
    payloadOf: 'VCP 1.1',
    schema: envelopeWith(vcpRealtimeEvent),
  },
  {
    ...ours,
    name: 'meterEvent',
    keys: ['{prefix}.event.telemetry.meter.{siteId}'],
    title: 'Meter registers of a site',
    description: 'Registers of the meters of a site, absolute counters. At least once: drop a messageId that you know.',
    payloadOf: 'VCP 1.1',
    schema: envelopeWith(vcpMeterEvent),
  },
  {
    ...ours,
    name: 'alarm',
    keys: ['{prefix}.event.alarm'],
    title: 'Alarm of a site',
    description: 'A condition that began, or, with clearedAt, is over. Bear codes and severities that you do not know.',
    payloadOf: 'VCP 1.1',
    schema: vcpAlarmEvent,
  },
];
