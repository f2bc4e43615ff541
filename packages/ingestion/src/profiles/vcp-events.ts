import { hash } from 'node:crypto';
import { VCP_VERSION, vcpRealtimeEvent, type VcpMeterEvent, type VcpRealtimeEvent } from '@quarterhour/contracts';
import type { NewMeterReading, NewRealtimeSample } from '@quarterhour/db';
import type { PlantTelemetryFact } from './vcp.js';

/** What a partner is told of one plant's telemetry. */
export interface TelemetryEvent {
  readonly kind: 'realtime' | 'meter';
  /** The plant's own id, whatever its partner calls it. */
  readonly plantId: string;
  readonly messageId: string;
  readonly body: Buffer;
}

/**
 * Telemetry as VCP 1.1 tells it: the way back of {@link realtimeFromVcp} and {@link meterFromVcp}, signs included.
 *
 * The same message gives the same event, byte for byte and with the same message id, however often it is told: who reads
 * drops what it knows. The envelope's timestamp is the instant of a realtime sample, and when a meter reading was published.
 *
 * @param source what our events say in `source`
 * @returns null for a message without a plant
 */
export function telemetryEventOf(fact: PlantTelemetryFact, source: string): TelemetryEvent | null {
  const about = fact.kind === 'realtime' ? fact.sample : fact.readings[0];
  if (about === undefined) return null;
  const { plantId, publishedAt: timestamp } = about;
  const payload = fact.kind === 'realtime' ? realtimePayload(fact.sample) : meterPayload(fact);
  const messageId = idOf([fact.kind, plantId, about.messageId, about.bodySha256]);
  const envelope = { version: VCP_VERSION, messageId, timestamp, source, siteId: plantId, payload };
  return { kind: fact.kind, plantId, messageId, body: Buffer.from(JSON.stringify(envelope)) };
}

function realtimePayload(sample: NewRealtimeSample): VcpRealtimeEvent {
  return {
    gridPowerKw: turnedBack(sample.gridKw),
    fvePowerKw: sample.pvKw,
    batteryPowerKw: turnedBack(sample.batteryKw),
    consumptionPowerKw: sample.consumptionKw,
    socPercent: sample.socPercent,
    availableBatteryEnergyKwh: sample.batteryEnergyKwh,
    batteryTemperatureCelsius: sample.batteryTemperatureCelsius,
    currentOperatingMode: sample.operatingMode,
    dataQuality: qualityOf(sample.dataQuality),
    ...(sample.devices === null ? {} : { devices: devicesOf(sample.devices) }),
  };
}

function meterPayload({ readings, measuredAt }: PlantTelemetryFact & { readonly kind: 'meter' }): VcpMeterEvent {
  const meters = new Map<string, VcpMeterEvent['meters'][number]>();
  for (const { deviceId, role, register, valueKwh } of readings) {
    if (valueKwh === null) continue;
    const before = meters.get(deviceId) ?? { deviceId, ...(role === null ? {} : { role }) };
    before[`${register}RegisterKwh`] = valueKwh;
    meters.set(deviceId, before);
  }
  const [first] = readings;
  return { readingAt: measuredAt, meters: [...meters.values()], dataQuality: qualityOf(first?.dataQuality) };
}

/** Zero stays plain zero. */
function turnedBack(value: number | null): number | null {
  return value === null ? null : 0 - value;
}

function qualityOf(text: NewMeterReading['dataQuality'] | undefined): VcpRealtimeEvent['dataQuality'] {
  switch (text) {
    case 'GOOD':
    case 'INTERPOLATED':
    case 'STALE':
      return text;
    default:
      return 'MISSING';
  }
}

function devicesOf(text: string): NonNullable<VcpRealtimeEvent['devices']> {
  return vcpRealtimeEvent.shape.devices.parse(JSON.parse(text)) ?? [];
}

/** A UUID that follows from its parts. In the form of version 4, which is what the format asks for. */
function idOf(parts: readonly string[]): string {
  const digits = hash('sha256', JSON.stringify(parts));
  const variant = ((Number.parseInt(digits.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-');
}
