import { z } from 'zod';
import { uuidText } from '../../scalars.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { queryAsOf } from '../query.js';

/** Path of the endpoints of one plant. */
export const plantPath = z.strictObject({
  plantId: uuidText.meta({ format: 'uuid', description: 'Our id of the plant.' }),
});

/** Query of `GET /api/v1/trading/plants/{plantId}/telemetry/latest`. `as_of` is ours, beside the contract. */
export const latestTelemetryQuery = z.strictObject({ as_of: queryAsOf.optional() });

/**
 * One telemetry sample of a plant in the names, units and signs of the trading API: kW and percent, `grid_power`
 * positive when the plant imports, `invertor_power` positive when PV and battery together deliver. A part that was not
 * reported is null. `fve_reg` has no known source and is always null. The spelling is the contract's.
 */
export const telemetryPoint = z
  .strictObject({
    time: instantOutput,
    plant_id: uuidOutput,
    consumption: z.number().nullable().meta({ description: 'Consumption of the site, kW.' }),
    fve_power: z.number().nullable().meta({ description: 'PV power, kW.' }),
    fve_reg: z.null().meta({ description: 'PV regulation value; not reported by any source.' }),
    grid_power: z.number().nullable().meta({ description: 'Exchange with the grid, kW. Positive is import.' }),
    invertor_power: z.number().nullable().meta({ description: 'PV and battery together, kW. Positive delivers.' }),
    soc: z.number().nullable().meta({ description: 'State of charge, percent 0 to 100.' }),
  })
  .meta({ id: 'TelemetryPoint', description: 'One telemetry sample of a plant.' });
export type TelemetryPoint = z.infer<typeof telemetryPoint>;

/** The newest sample of a plant; null when the plant never reported. */
export const latestTelemetryResponse = z.union([telemetryPoint, z.null()]);
export type LatestTelemetryResponse = z.infer<typeof latestTelemetryResponse>;
