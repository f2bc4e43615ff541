import type { PlantCommand } from '@quarterhour/contracts';
import { PlantGateway, SimulatedPlant } from '@quarterhour/infra/demo';
import type { Broker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';

const LIMITS = { maxImportKw: 100, maxExportKw: 100, capacityKwh: 200, socMin: 0, socMax: 100, deviceId: 'BAT-1' };
const MEASURES_EVERY_MS = 500;

export type { PlantGateway };

/**
 * A gateway with simulated plants of 100 kW that do nothing while they are told nothing, and measure twice a second.
 *
 * @param plantIds any other plant is as good as away
 * @param onCommand told of each command that arrives, copies included
 */
export function aPlantGateway(
  broker: Broker,
  plantIds: readonly string[],
  onCommand: (command: PlantCommand) => void = () => undefined,
): Promise<PlantGateway> {
  const plant = () => new SimulatedPlant(LIMITS, () => 0, systemClock.nowMillis());
  return PlantGateway.start({
    broker,
    plants: new Map(plantIds.map((id) => [id, plant()])),
    clock: systemClock,
    log: createLogger({ name: 'gateway', level: 'fatal' }),
    measuresEveryMs: MEASURES_EVERY_MS,
    onCommand,
  });
}
