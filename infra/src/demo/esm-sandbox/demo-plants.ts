import { DEMO_PLANTS } from '../register.js';
import type { SandboxPlant } from './plants.js';

/** The demo's plants as their ESM has them. Hornsdale's battery is that of 2021; of the houses' it is not known. */
export const DEMO_ESM_PLANTS: readonly SandboxPlant[] = [
  { ...namesOf('hornsdale'), capacityKwh: 193_500, batteryKw: [-150_000, 150_000] },
  { ...namesOf('home'), capacityKwh: 0, batteryKw: [0, 0] },
  { ...namesOf('sungrow'), capacityKwh: 0, batteryKw: [0, 0] },
];

function namesOf(plant: keyof typeof DEMO_PLANTS): Pick<SandboxPlant, 'externalPlantId' | 'name'> {
  const { externalPlantId, name } = DEMO_PLANTS[plant];
  return { externalPlantId, name };
}
