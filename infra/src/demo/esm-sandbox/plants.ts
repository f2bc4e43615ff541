import {
  updatePlantConfigBody,
  type EsmConfigUpdate,
  type EsmPlantConfig,
  type EsmResult,
  type TimeConfig,
} from '@quarterhour/contracts';
import { z } from 'zod';

/** A plant that the sandbox has from the beginning. */
export interface SandboxPlant {
  readonly externalPlantId: string;
  readonly name: string;
  readonly capacityKwh: number;
  /** Least and most power of its battery, kW; positive charges it. */
  readonly batteryKw: readonly [least: number, most: number];
}

const update = z.object({
  requestCode: z.string().min(1).max(200),
  plantId: z.string(),
  validateOnly: z.boolean(),
  timeConfigs: z.unknown(),
});

interface Requested {
  readonly result: EsmResult;
  readonly dueAt: number;
  readonly apply: () => void;
  isApplied: boolean;
}

const ACCEPTED = { resultCode: 'ACCEPTED', message: 'Passed on to the plant.', isTerminal: false, isError: false };

/** The plants of the sandbox. What they are told takes a while until it is so. */
export class SandboxPlants {
  readonly plants: readonly SandboxPlant[];
  readonly #configs: Map<string, EsmPlantConfig>;
  readonly #requested = new Map<string, Requested>();

  constructor(plants: readonly SandboxPlant[]) {
    this.plants = plants;
    this.#configs = new Map(plants.map((plant) => [plant.externalPlantId, firstConfig(plant)]));
  }

  config(plantId: string): EsmPlantConfig | undefined {
    return this.#configs.get(plantId);
  }

  /** How many requests were taken, whatever came of them. */
  get requests(): number {
    return this.#requested.size;
  }

  /** @returns null when there is no such plant; `unreadable` for what is no update at all */
  update(sent: unknown, now: number, takesMs: number): EsmResult | null | 'unreadable' {
    const read = update.safeParse(sent);
    if (!read.success) return 'unreadable';
    const { requestCode, plantId, validateOnly, timeConfigs } = read.data;
    const known = this.#requested.get(requestCode);
    if (known !== undefined) return this.result(requestCode, now);
    const plant = this.plants.find(({ externalPlantId }) => externalPlantId === plantId);
    const config = this.#configs.get(plantId);
    if (plant === undefined || config === undefined) return null;
    const blocks = updatePlantConfigBody.shape.timeConfigs.safeParse(timeConfigs);
    const trouble = blocks.success
      ? beyond(plant, blocks.data)
      : (blocks.error.issues[0]?.message ?? 'not a configuration');
    const apply = () => {
      if (trouble !== null || validateOnly || !blocks.success) return;
      const { version } = this.#configs.get(plantId) ?? config;
      this.#configs.set(plantId, { ...config, version: version + 1, timeConfigs: blocks.data });
    };
    this.#requested.set(requestCode, {
      result: resultOf(trouble, validateOnly),
      dueAt: now + takesMs,
      apply,
      isApplied: false,
    });
    return this.result(requestCode, now);
  }

  result(requestCode: string, now: number): EsmResult | null {
    const requested = this.#requested.get(requestCode);
    if (requested === undefined) return null;
    this.settle(now);
    return requested.isApplied ? requested.result : ACCEPTED;
  }

  /** Does what is due. */
  settle(now: number): void {
    for (const requested of this.#requested.values()) {
      if (requested.isApplied || requested.dueAt > now) continue;
      requested.isApplied = true;
      requested.apply();
    }
  }
}

function firstConfig({ externalPlantId: plantId, batteryKw: [pBatMin, pBatMax] }: SandboxPlant): EsmPlantConfig {
  const wholeDay: TimeConfig = { from: '00:00', to: '23:59', pBatMin, pBatMax, socMin: 5, socMax: 95 };
  return { plantId, version: 1, configEnabled: true, esiState: 'ONLINE', timeConfigs: [wholeDay] };
}

function beyond({ batteryKw: [least, most] }: SandboxPlant, blocks: EsmConfigUpdate['timeConfigs']): string | null {
  const block = blocks.find(({ pBatMin, pBatMax }) => pBatMin < least || pBatMax > most);
  return block === undefined ? null : `From ${block.from}: the battery takes ${least} to ${most} kW.`;
}

function resultOf(trouble: string | null, validateOnly: boolean): EsmResult {
  if (trouble !== null) return { resultCode: 'REJECTED', message: trouble, isTerminal: true, isError: true };
  return { resultCode: validateOnly ? 'VALID' : 'APPLIED', message: null, isTerminal: true, isError: false };
}
