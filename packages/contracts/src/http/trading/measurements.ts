import { z } from 'zod';
import { instantOutput, uuidOutput } from '../outputs.js';
import { exportLimit, queryCursor, queryInstant, queryInteger } from '../query.js';
import { telemetryPoint } from './telemetry.js';

/** Longest span of one read of measurements, in days. */
export const MAX_MEASUREMENT_DAYS = 31;

/** Most meter points of one answer: registers times buckets. */
export const MAX_METER_POINTS = 250_000;

/**
 * Query of the measurements of a plant: `[from, to)`, by default the 24 hours before now, at most 31 days, in buckets of
 * so many minutes that are counted from UTC midnight.
 */
export const measurementsQuery = z.strictObject({
  from: queryInstant.optional().meta({ description: 'Start, included. Default: 24 hours before to.' }),
  to: queryInstant
    .optional()
    .meta({ description: `End, not included; at most ${MAX_MEASUREMENT_DAYS} days after from. Default: now.` }),
  bucket: queryInteger({ min: 1, max: 60 }).default(5).meta({ description: 'Length of a bucket in minutes.' }),
  as_of: queryInstant
    .optional()
    .meta({ description: 'What was known at this instant, for example a Quarterhour-Known-At.' }),
});
export type MeasurementsQuery = z.output<typeof measurementsQuery>;

/** The same for an export, which can be had in parts. */
export const exportMeasurementsQuery = measurementsQuery.extend({
  limit: exportLimit('JSON is answered whole and does not take it.'),
  cursor: queryCursor
    .optional()
    .meta({ description: 'Last cursor of an export that was not received whole. Exports only.' }),
});
export type ExportMeasurementsQuery = z.output<typeof exportMeasurementsQuery>;

/** One bucket per point, oldest first: arithmetic means, null where nothing was measured. */
export const listTelemetryResponse = z.array(telemetryPoint);
export type ListTelemetryResponse = z.infer<typeof listTelemetryResponse>;

/**
 * What one register of one meter counted in one bucket. `meter_id` is `{deviceId}:{register}`, `interval` the bucket's length
 * as an ISO 8601 duration, `energy` in kWh; null where a reading is missing or the register was reset.
 */
export const meterPoint = z
  .strictObject({
    time: instantOutput.meta({ description: 'Start of the bucket.' }),
    plant_id: uuidOutput,
    meter_id: z.string().meta({ description: 'Device and register, for example GRID:import.' }),
    interval: z
      .string()
      .regex(/^PT\d{1,2}M$/)
      .meta({ description: 'Length of the bucket, for example PT5M.' }),
    energy: z.number().nullable().meta({ description: 'Energy counted in the bucket, kWh.' }),
  })
  .meta({ id: 'MeterPoint', description: 'What one register counted in one bucket.' });
export type MeterPoint = z.infer<typeof meterPoint>;

/** One point per bucket, device and register; oldest first, then by device and register. */
export const listMetersResponse = z.array(meterPoint);
export type ListMetersResponse = z.infer<typeof listMetersResponse>;
