import { z } from 'zod';
import { plainText, utcInstantText } from '../../scalars.js';

/** Which command or schedule goes before which. */
export const COMMAND_PRIORITIES = ['NORMAL', 'HIGH', 'EMERGENCY'] as const;
export const commandPriority = z.enum(COMMAND_PRIORITIES);
export type CommandPriority = z.infer<typeof commandPriority>;

/** Which way energy flows at the point of connection. */
export const FLOW_DIRECTIONS = ['IMPORT', 'EXPORT'] as const;
export const flowDirection = z.enum(FLOW_DIRECTIONS);
export type FlowDirection = z.infer<typeof flowDirection>;

/** Version of the payloads whose shape is ours, because VCP 1.1 leaves it open. */
export const OWN_PAYLOAD_VERSION = 1;
const payloadVersion = z.literal(OWN_PAYLOAD_VERSION).optional();

const magnitude = z
  .number({ error: 'a finite number' })
  .min(0, { error: 'a magnitude: zero or more, the direction is said apart' });
const percent = z.number({ error: 'a finite number' }).min(0).max(100);
const percentsInOrder = { path: ['socMin'], error: 'socMin is not above socMax' };
const validity = { validFrom: utcInstantText.nullish(), validUntil: utcInstantText.nullish() };

/** By which a device is known within its plant. */
export const deviceIdText = z.string().regex(/^[A-Z0-9_-]{1,32}$/, { error: 'a device id, for example BAT-1' });

/** By which a partner knows a schedule of a plant. */
export const scheduleIdText = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'a schedule id: letters, digits, _ . - and at most 64 of them' });

/** Longest interval of an energy target. */
const MOST_INTERVAL_MINUTES = 31 * 24 * 60;

function isInOrder(low: number | null | undefined, high: number | null | undefined): boolean {
  return low === null || low === undefined || high === null || high === undefined || low <= high;
}

/**
 * Payload of `{prefix}.command.site-setpoint`, as VCP 1.1 has it: what a site is to exchange at its point of connection.
 *
 * `targetValueKw` goes with `POWER`; `targetValueKwh` and `intervalMinutes` go with `ENERGY`. Targets are magnitudes, the
 * direction is said apart. Without `validUntil` it holds until another one comes. Members that are not listed are kept and
 * have no effect.
 */
export const vcpSiteSetpointPayload = z
  .object({
    type: z.enum(['POWER', 'ENERGY']),
    targetValueKw: magnitude.nullish(),
    targetValueKwh: magnitude.nullish(),
    intervalMinutes: z.number().gt(0).max(MOST_INTERVAL_MINUTES).nullish(),
    direction: flowDirection,
    includeConsumption: z.boolean(),
    priority: commandPriority,
    validFrom: utcInstantText,
    validUntil: utcInstantText.nullish(),
  })
  .superRefine((payload, ctx) => {
    const needed = payload.type === 'POWER' ? (['targetValueKw'] as const) : ENERGY_MEMBERS;
    for (const name of needed) {
      if (payload[name] === null || payload[name] === undefined) {
        ctx.addIssue({ code: 'custom', path: [name], message: `a set-point of type ${payload.type} needs it` });
      }
    }
  })
  .meta({ id: 'VcpSiteSetpointPayload', title: 'Set-point of a site' });
export type VcpSiteSetpointPayload = z.infer<typeof vcpSiteSetpointPayload>;

const ENERGY_MEMBERS = ['targetValueKwh', 'intervalMinutes'] as const;

/** What a device can be told to do, in the words that plants understand. */
export const DEVICE_ACTIONS = [
  'SET_OVERFLOW',
  'CHARGE',
  'DISCHARGE',
  'HOLD',
  'CHARGE_ONLY',
  'DISCHARGE_ONLY',
  'CONTINUOUS_CHARGE',
  'DEFAULT',
  'SET_SOC_LIMITS',
  'CANCEL_ALL',
] as const;
export type DeviceAction = (typeof DEVICE_ACTIONS)[number];

const NEEDED_BY_ACTION: Partial<Readonly<Record<DeviceAction, readonly ('powerKw' | 'socMin' | 'socMax')[]>>> = {
  CHARGE: ['powerKw'],
  DISCHARGE: ['powerKw'],
  SET_SOC_LIMITS: ['socMin', 'socMax'],
};

/**
 * Payload of `{prefix}.command.device`. The shape is ours: VCP 1.1 leaves it open.
 *
 * Power is a magnitude in kW, state of charge is 0 to 100 percent. `CHARGE` and `DISCHARGE` need a power, `SET_SOC_LIMITS`
 * needs both limits.
 */
export const vcpDevicePayload = z
  .strictObject({
    payloadVersion,
    deviceId: deviceIdText,
    action: z.enum(DEVICE_ACTIONS),
    powerKw: magnitude.nullish(),
    socMin: percent.nullish(),
    socMax: percent.nullish(),
    priority: commandPriority.default('NORMAL'),
    ...validity,
  })
  .superRefine((payload, ctx) => {
    for (const name of NEEDED_BY_ACTION[payload.action] ?? []) {
      if (payload[name] === null || payload[name] === undefined) {
        ctx.addIssue({ code: 'custom', path: [name], message: `${payload.action} needs it` });
      }
    }
  })
  .refine(({ socMin, socMax }) => isInOrder(socMin, socMax), percentsInOrder)
  .meta({ id: 'VcpDevicePayload', title: 'Command of a device (ours)' });
export type VcpDevicePayload = z.infer<typeof vcpDevicePayload>;

/** Payload of `{prefix}.command.mode`. The shape is ours; modes are an open set. */
export const vcpModePayload = z
  .strictObject({
    payloadVersion,
    mode: plainText(64),
    priority: commandPriority.default('NORMAL'),
    ...validity,
  })
  .meta({ id: 'VcpModePayload', title: 'Operating mode of a site (ours)' });
export type VcpModePayload = z.infer<typeof vcpModePayload>;

/** Payload of `{prefix}.command.emergency`: stops a site or one of its devices, or lets it go on. The shape is ours. */
export const vcpEmergencyPayload = z
  .strictObject({
    payloadVersion,
    action: z.enum(['STOP', 'RELEASE']),
    deviceId: deviceIdText.nullish(),
    reason: plainText(200).nullish(),
  })
  .meta({ id: 'VcpEmergencyPayload', title: 'Emergency stop of a site (ours)' });
export type VcpEmergencyPayload = z.infer<typeof vcpEmergencyPayload>;

/** Most slots of one schedule: the quarter hours of eight days. */
export const MAX_SCHEDULE_SLOTS = 96 * 8;

/** One stretch of a schedule, half-open `[from, to)`: a magnitude in kW and which way it flows. */
export const vcpScheduleSlot = z
  .strictObject({
    from: utcInstantText,
    to: utcInstantText,
    targetPowerKw: magnitude,
    direction: flowDirection,
    includeConsumption: z.boolean().default(true),
  })
  .meta({ id: 'VcpScheduleSlot', title: 'Slot of a schedule (ours)' });
export type VcpScheduleSlot = z.infer<typeof vcpScheduleSlot>;

/**
 * Payload of `{prefix}.schedule.create`. The shape is ours. Slots are in order and do not overlap, end after they begin, and
 * end at most 31 days ahead; there may be gaps between them.
 */
export const vcpScheduleCreatePayload = z
  .strictObject({
    payloadVersion,
    scheduleId: scheduleIdText,
    priority: commandPriority,
    slots: z.array(vcpScheduleSlot).min(1).max(MAX_SCHEDULE_SLOTS),
  })
  .meta({ id: 'VcpScheduleCreatePayload', title: 'Schedule of a site (ours)' });
export type VcpScheduleCreatePayload = z.infer<typeof vcpScheduleCreatePayload>;

/** Payload of `{prefix}.schedule.cancel`. The shape is ours. */
export const vcpScheduleCancelPayload = z
  .strictObject({ payloadVersion, scheduleId: scheduleIdText })
  .meta({ id: 'VcpScheduleCancelPayload', title: 'End of a schedule (ours)' });
export type VcpScheduleCancelPayload = z.infer<typeof vcpScheduleCancelPayload>;
