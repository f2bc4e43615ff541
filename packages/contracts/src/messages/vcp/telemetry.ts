import { z } from 'zod';
import { plainText, utcInstantText } from '../../scalars.js';

/** How far a value can be trusted, in the words of VCP 1.1. */
export const DATA_QUALITIES = ['GOOD', 'INTERPOLATED', 'STALE', 'MISSING'] as const;
export const dataQuality = z.enum(DATA_QUALITIES);
export type DataQuality = z.infer<typeof dataQuality>;

const reading = z.number({ error: 'a finite number or null' }).nullish();
const deviceMember = z.json({ error: 'text, a finite number, true, false, null, or these in arrays and objects' });

/**
 * Payload of `{prefix}.telemetry.realtime`: what a plant does at the instant of the envelope.
 *
 * Powers in kW with VCP's signs: grid positive = import, battery positive = charging; PV and consumption are magnitudes.
 * State of charge 0 to 100 percent. A value that was not measured is null or absent; neither is zero.
 */
export const vcpRealtimePayload = z
  .object({
    gridPowerKw: reading,
    fvePowerKw: reading,
    batteryPowerKw: reading,
    consumptionPowerKw: reading,
    socPercent: reading,
    availableBatteryEnergyKwh: reading,
    batteryTemperatureCelsius: reading,
    currentOperatingMode: plainText(100).nullish(),
    dataQuality,
    devices: z.array(z.record(z.string(), deviceMember)).max(1000).optional(),
  })
  .meta({ id: 'VcpRealtimePayload', title: 'Realtime telemetry' });
export type VcpRealtimePayload = z.infer<typeof vcpRealtimePayload>;

/** Name of a register member, for example `importRegisterKwh`; the part before `RegisterKwh` names the register. */
export const REGISTER_MEMBER = /^([a-z][A-Za-z0-9]{0,40})RegisterKwh$/;

/** One meter with the registers it has. Registers are absolute counters in kWh and never negative. */
export const vcpMeter = z
  .looseObject({
    deviceId: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/, { error: 'a device id such as GRID or B1' }),
    role: plainText(64).nullish(),
  })
  .meta({ id: 'VcpMeter', title: 'Meter registers' });
export type VcpMeter = z.infer<typeof vcpMeter>;

/** Payload of `{prefix}.telemetry.meter`: the registers of a plant's meters, read once a minute. */
export const vcpMeterPayload = z
  .object({
    readingAt: utcInstantText,
    meters: z.array(vcpMeter).min(1).max(1000),
    dataQuality,
  })
  .meta({ id: 'VcpMeterPayload', title: 'Meter registers of a plant' });
export type VcpMeterPayload = z.infer<typeof vcpMeterPayload>;
