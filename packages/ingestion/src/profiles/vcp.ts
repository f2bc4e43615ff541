import { hash } from 'node:crypto';
import {
  REGISTER_MEMBER,
  vcpMeterPayload,
  vcpRealtimePayload,
  type VcpEnvelope,
  type VcpMeter,
} from '@quarterhour/contracts';
import type { NewMeterReading, NewRealtimeSample } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import type { Delivery } from '../delivery.js';
import { FaultError } from '../received.js';
import type { RegisteredPlant } from '../register.js';
import { instantAt, jsonTextAt, shaped } from '../shape.js';

/** A realtime sample or the registers of one reading, in our signs and units, as one message brought them. */
export type PlantTelemetryFact = {
  readonly orgId: string;
  /** The instant that was measured, and so the partition: a sample's, or that of all readings of one message. */
  readonly measuredAt: UtcInstant;
} & (
  | { readonly kind: 'realtime'; readonly sample: NewRealtimeSample }
  | { readonly kind: 'meter'; readonly readings: readonly NewMeterReading[] }
);

/**
 * Source profile of VCP 1.1.
 *
 * VCP counts import and charging as positive; we count what the plant gives as positive, so grid and battery power are
 * turned here, once. Units stay: kW, kWh, percent, degrees Celsius. The envelope's timestamp is the instant of a realtime
 * sample and the publication time of a meter reading. Null and absent both mean "not measured".
 *
 * @see docs/glossary.md, sign of power
 */
export function realtimeFromVcp(envelope: VcpEnvelope, plant: RegisteredPlant, delivery: Delivery): PlantTelemetryFact {
  const payload = shaped(vcpRealtimePayload, envelope.payload, ['payload']);
  const measuredAt = instantAt(envelope.timestamp, 'timestamp');
  return {
    orgId: plant.orgId,
    measuredAt,
    kind: 'realtime',
    sample: {
      orgId: plant.orgId,
      plantId: plant.id,
      measuredAt,
      publishedAt: measuredAt,
      gridKw: turned(payload.gridPowerKw),
      pvKw: payload.fvePowerKw ?? null,
      batteryKw: turned(payload.batteryPowerKw),
      consumptionKw: payload.consumptionPowerKw ?? null,
      socPercent: percent(payload.socPercent ?? null, 'payload.socPercent'),
      batteryEnergyKwh: payload.availableBatteryEnergyKwh ?? null,
      batteryTemperatureCelsius: payload.batteryTemperatureCelsius ?? null,
      operatingMode: payload.currentOperatingMode ?? null,
      dataQuality: payload.dataQuality,
      devices: payload.devices === undefined ? null : jsonTextAt(payload.devices, 'payload.devices'),
      messageId: envelope.messageId,
      bodySha256: hash('sha256', delivery.body),
      arrivedAt: delivery.firstSeen ?? null,
    },
  };
}

/** One row per register of each meter. Registers are absolute counters in kWh. */
export function meterFromVcp(envelope: VcpEnvelope, plant: RegisteredPlant, delivery: Delivery): PlantTelemetryFact {
  const payload = shaped(vcpMeterPayload, envelope.payload, ['payload']);
  const readAt = instantAt(payload.readingAt, 'payload.readingAt');
  const publishedAt = instantAt(envelope.timestamp, 'timestamp');
  const bodySha256 = hash('sha256', delivery.body);
  const arrivedAt = delivery.firstSeen ?? null;
  const readings = payload.meters.flatMap((meter, position) =>
    registersOf(meter, `payload.meters.${position}`).map(({ register, valueKwh }) => ({
      orgId: plant.orgId,
      plantId: plant.id,
      deviceId: meter.deviceId,
      register,
      readAt,
      publishedAt,
      role: meter.role ?? null,
      valueKwh,
      dataQuality: payload.dataQuality,
      messageId: envelope.messageId,
      bodySha256,
      arrivedAt,
    })),
  );
  refuseRepeatedRegisters(readings);
  return { orgId: plant.orgId, measuredAt: readAt, kind: 'meter', readings };
}

/** Zero stays plain zero. */
function turned(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : 0 - value;
}

function percent(value: number | null, path: string): number | null {
  if (value !== null && (value < 0 || value > 100)) {
    throw new FaultError('implausible', path, 'a state of charge is between 0 and 100 percent');
  }
  return value;
}

function registersOf(meter: VcpMeter, path: string): { register: string; valueKwh: number }[] {
  const registers = Object.entries(meter).flatMap(([member, value]) => {
    const register = REGISTER_MEMBER.exec(member)?.[1];
    return register === undefined ? [] : [{ register, valueKwh: counter(value, `${path}.${member}`) }];
  });
  if (registers.length === 0) {
    throw new FaultError('schema', path, 'a meter brings at least one register, for example importRegisterKwh');
  }
  return registers;
}

function counter(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new FaultError('schema', path, 'a finite number of kWh');
  if (value < 0) throw new FaultError('implausible', path, 'a register counts from zero upwards');
  return value;
}

function refuseRepeatedRegisters(readings: readonly { readonly deviceId: string; readonly register: string }[]): void {
  const names = new Set(readings.map(({ deviceId, register }) => `${deviceId} ${register}`));
  if (names.size < readings.length) {
    throw new FaultError('schema', 'payload.meters', 'a register of one device is given more than once');
  }
}
