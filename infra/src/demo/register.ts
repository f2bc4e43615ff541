import type { DeliveryArea, Region } from '@quarterhour/domain';

/** Whose everything in the demo is. */
export const DEMO_ORGANISATION = {
  slug: 'demo',
  name: 'Quarterhour demo',
  queuePrefix: 'demo',
  marketZone: 'Europe/Berlin',
} as const;

/** The demo's plants, by the name that the code calls them. */
export const DEMO_PLANTS = {
  hornsdale: {
    externalPlantId: 'HPR1',
    name: 'Hornsdale Power Reserve, measured in South Australia in 2021',
    timeZone: 'Australia/Adelaide',
  },
  home: { externalPlantId: 'HOME-FR-1', name: 'House in France, measured in 2024', timeZone: 'Europe/Paris' },
  sungrow: {
    externalPlantId: 'SUNGROW-DE-1',
    name: 'House in Germany, portal export of 2023',
    timeZone: 'Europe/Berlin',
  },
} as const;
export type DemoPlant = keyof typeof DEMO_PLANTS;

/** What each plant of the demo got as its id. */
export type PlantIds = Readonly<Record<DemoPlant, string>>;

export interface DemoAsset {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly type: 'BESS' | 'PV' | 'VBAT';
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
  readonly plant: DemoPlant | null;
}

/** An asset of the demo. The register has German and Polish areas only, so Australian units are shown in 50HZ. */
export function demoAsset(unit: string, asset: Pick<DemoAsset, 'name' | 'type' | 'plant'>): DemoAsset {
  const code = assetCode(unit);
  return { id: assetIdOf(unit), code, region: 'DE', deliveryArea: '50HZ', ...asset };
}

/** Id of the asset that a unit of AEMO is in the demo. */
export function assetIdOf(unit: string): string {
  return `DE_50HZ_${assetCode(unit)}_1`;
}

/** A unit's name with hyphens where an asset code cannot have its characters: `W/HOE#1` is `W-HOE-1`. */
function assetCode(unit: string): string {
  return unit.replace(/[^A-Za-z0-9_-]/g, '-');
}
