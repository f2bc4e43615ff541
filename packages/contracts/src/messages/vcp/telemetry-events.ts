import { z } from 'zod';
import { plainText, utcInstantText } from '../../scalars.js';
import { dataQuality } from './telemetry.js';

const kw = z.number().nullable().meta({ description: 'kW, null when not measured' });

/**
 * Payload of `{prefix}.event.telemetry.realtime.{siteId}`: what a plant does at the instant of the envelope, in VCP's signs
 * (grid positive = import, battery positive = charging). Every member that may be null is there; `devices` only when the
 * plant told of devices.
 *
 * VCP 1.1 does not say what `currentOperatingMode` is of a plant that names none; here it is null.
 */
export const vcpRealtimeEvent = z
  .strictObject({
    gridPowerKw: kw.meta({ description: 'kW, positive is import' }),
    fvePowerKw: kw.meta({ description: 'kW of PV, a magnitude' }),
    batteryPowerKw: kw.meta({ description: 'kW, positive is charging' }),
    consumptionPowerKw: kw.meta({ description: 'kW of the whole site, a magnitude' }),
    socPercent: z.number().min(0).max(100).nullable(),
    availableBatteryEnergyKwh: z.number().nullable(),
    batteryTemperatureCelsius: z.number().nullable(),
    currentOperatingMode: plainText(100).nullable(),
    dataQuality,
    devices: z.array(z.record(z.string(), z.json())).optional(),
  })
  .meta({ id: 'VcpRealtimeEvent', title: 'Realtime telemetry of a plant' });
export type VcpRealtimeEvent = z.infer<typeof vcpRealtimeEvent>;

/** One meter with the registers it has, each a member that ends in `RegisterKwh`: an absolute counter in kWh. */
export const vcpMeterRegisters = z.looseObject({ deviceId: z.string(), role: plainText(64).optional() }).meta({
  id: 'VcpMeterRegisters',
  title: 'Registers of a meter',
  patternProperties: { RegisterKwh$: { type: 'number', minimum: 0 } },
});

/** Payload of `{prefix}.event.telemetry.meter.{siteId}`: registers of a plant's meters. */
export const vcpMeterEvent = z
  .strictObject({
    readingAt: utcInstantText,
    meters: z.array(vcpMeterRegisters).min(1),
    dataQuality,
  })
  .meta({ id: 'VcpMeterEvent', title: 'Meter registers of a plant' });
export type VcpMeterEvent = z.infer<typeof vcpMeterEvent>;
