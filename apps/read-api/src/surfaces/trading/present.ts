import type { TelemetryPoint } from '@quarterhour/contracts';
import type { MeterBucketColumn, Projection, RealtimeColumn, TelemetryBucketColumn } from '@quarterhour/db';
import { z } from 'zod';

/** Inside, grid is positive when the plant exports; this surface counts import. */
export const TELEMETRY_PROJECTION: Projection<RealtimeColumn> = [
  { name: 'time', column: 'measured_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'consumption', column: 'consumption_kw', as: { number: {} } },
  { name: 'fve_power', column: 'pv_kw', as: { number: {} } },
  { name: 'fve_reg', as: 'null' },
  { name: 'grid_power', column: 'grid_kw', as: { number: { sign: -1 } } },
  { name: 'battery', column: 'battery_kw', as: { number: {} } },
  { name: 'soc', column: 'soc_percent', as: { number: {} } },
];

export const BUCKET_PROJECTION: Projection<TelemetryBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'consumption', column: 'consumption_kw', as: { number: {} } },
  { name: 'fve_power', column: 'pv_kw', as: { number: {} } },
  { name: 'fve_reg', as: 'null' },
  { name: 'grid_power', column: 'grid_kw', as: { number: { sign: -1 } } },
  { name: 'invertor_power', column: 'inverter_kw', as: { number: {} } },
  { name: 'soc', column: 'soc_percent', as: { number: {} } },
];

export const METER_PROJECTION: Projection<MeterBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'meter_id', column: 'meter_id', as: 'text' },
  { name: 'interval', column: 'interval', as: 'text' },
  { name: 'energy', column: 'energy_kwh', as: { number: {} } },
];

const measured = z.number().nullable();
const sample = z.object({
  time: z.string(),
  plant_id: z.string(),
  consumption: measured,
  fve_power: measured,
  fve_reg: z.null(),
  grid_power: measured,
  battery: measured,
  soc: measured,
});

export function presentTelemetry(projected: string): TelemetryPoint {
  const { battery, soc, ...rest } = sample.parse(JSON.parse(projected));
  return { ...rest, invertor_power: sumOf(rest.fve_power, battery), soc };
}

/** Of a part that was not measured no sum is known. */
function sumOf(pv: number | null, battery: number | null): number | null {
  return pv === null || battery === null ? null : pv + battery;
}
