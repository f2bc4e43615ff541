import type { PlantRow } from '@quarterhour/db';
import { CommandFailure } from './failure.js';

/** A plant of an organisation, named by its external id or by ours. */
export function plantNamed<P extends Omit<PlantRow, 'name'>>(plants: readonly P[], orgId: string, name: string): P {
  const own = plants.filter((plant) => plant.orgId === orgId);
  const found = own.find(({ id, externalPlantId }) => externalPlantId === name || id === name.toLowerCase());
  if (found !== undefined) return found;
  throw new CommandFailure(`the organisation has no plant ${name}`, {
    remedy:
      own.length === 0
        ? 'It has none yet: quarterhour plant add.'
        : `It has: ${own.map(({ externalPlantId }) => externalPlantId).join(', ')}.`,
  });
}
