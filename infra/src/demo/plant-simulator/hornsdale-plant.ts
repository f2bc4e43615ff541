import { Decimal } from '@quarterhour/domain';
import { hornsdaleSamples } from '../hornsdale.js';
import { SimulatedPlant, type PlantLimits } from './simulated-plant.js';

/** Where the battery meets the grid, as AEMO has it registered, and what it holds since it was extended in 2020. */
export const HORNSDALE_LIMITS: PlantLimits = {
  maxImportKw: 120_000,
  maxExportKw: 150_000,
  capacityKwh: 193_500,
  socMin: 5,
  socMax: 95,
  deviceId: 'HPR1',
};

/** How often the battery was measured. */
export const HORNSDALE_EVERY_MS = 4_000;

/** The battery at Hornsdale: told nothing, it does over and over what was measured in the twelve hours of the demo. */
export function hornsdalePlant(nowMillis: number): SimulatedPlant {
  const measured = hornsdaleSamples().map(({ payload }) => new Decimal(payload['batteryPowerKw'] ?? 0).toNumber());
  const untold = (millis: number): number => measured[Math.floor(millis / HORNSDALE_EVERY_MS) % measured.length] ?? 0;
  return new SimulatedPlant(HORNSDALE_LIMITS, untold, nowMillis);
}
