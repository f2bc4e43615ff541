import {
  EXCHANGES,
  PLANT_COMMAND_VERSION,
  VHOST,
  commandPriority,
  plantCommandKey,
  type PlantCommand,
  type PlantCommandKind,
  type VcpAlarmPayload,
} from '@quarterhour/contracts';
import type { CancelledSchedule, DueCommand, DueSlot, OutgoingRow } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';

const KINDS: Readonly<Record<string, PlantCommandKind>> = {
  SITE_SETPOINT: 'setpoint',
  DEVICE_COMMAND: 'device',
  MODE_CHANGE: 'mode',
  EMERGENCY: 'emergency',
  SCHEDULE_CANCEL: 'schedule-slot',
};

/** What a plant's gateway is told of a command. */
export function commandMessage(command: DueCommand, payload = command.payload): OutgoingRow {
  const { orgId, plantId, id, commandType, priority, validUntil, now } = command;
  const isEmergency = commandType === 'EMERGENCY';
  const kind = KINDS[commandType];
  if (kind === undefined) throw new TypeError(`no plant is told of a ${commandType}`);
  return messageTo(orgId, isEmergency, {
    version: PLANT_COMMAND_VERSION,
    commandId: id,
    plantId,
    kind,
    priority: isEmergency ? 'EMERGENCY' : commandPriority.catch('NORMAL').parse(priority),
    payload,
    sentAt: now,
    validUntil,
  });
}

/** What it is told of a slot that begins. */
export function slotMessage({ orgId, plantId, commandId, name, priority, slot, endsAt, now }: DueSlot): OutgoingRow {
  return messageTo(orgId, false, {
    version: PLANT_COMMAND_VERSION,
    commandId,
    plantId,
    kind: 'schedule-slot',
    priority: commandPriority.catch('NORMAL').parse(priority),
    payload: { scheduleId: name, ...slot },
    sentAt: now,
    validUntil: endsAt,
  });
}

/** What it is told of a schedule that ends while one of its slots is carried out. */
export function cancelMessage(command: DueCommand, { name }: CancelledSchedule): OutgoingRow {
  return commandMessage(command, { scheduleId: name, cancelled: true });
}

/**
 * The commands of a plant are published in order, but not behind what is told to its partner: one whose virtual host is away
 * keeps no plant waiting. Emergencies wait for nothing else.
 */
export function plantOrder(plantId: string, isEmergency: boolean): string {
  return `plant ${plantId}${isEmergency ? ' emergency' : ''}`;
}

function messageTo(orgId: string, isEmergency: boolean, message: PlantCommand): OutgoingRow {
  return {
    orgId,
    vhost: VHOST,
    exchange: EXCHANGES.fleet,
    routingKey: plantCommandKey(message.plantId),
    orderKey: plantOrder(message.plantId, isEmergency),
    messageId: message.commandId,
    body: Buffer.from(JSON.stringify(message)),
  };
}

/** A slot that was not carried out. It is an event rather than a state, so it is never cleared. */
export function missedSlot(
  { commandId, name, startsAt, endsAt }: DueSlot,
  reason: string,
  now: UtcInstant,
): VcpAlarmPayload {
  return {
    alarmId: commandId,
    severity: 'WARNING',
    code: 'SCHEDULE_SLOT_MISSED',
    message: `The slot from ${startsAt} to ${endsAt} of schedule ${name} was not carried out: ${reason}`,
    raisedAt: now,
    metadata: { scheduleId: name, from: startsAt, to: endsAt, reason },
  };
}
