import { partnerTelemetryQueue } from '@quarterhour/contracts';
import { createAsset, createOrganisation, createPlant, enableTrading, type Database } from '@quarterhour/db';
import { v7 as uuidv7 } from 'uuid';

const PLANTS = 100;
const ASSETS = 100;
const ZONE = 'Europe/Berlin';

/** Who publishes and is dispatched: the same in every database of a run. */
export interface Fleet {
  readonly organisation: { readonly id: string; readonly queuePrefix: string };
  readonly plants: readonly string[];
  /** A plant of which there is a whole month of samples. */
  readonly monthPlant: string;
  readonly queue: string;
}

export function newFleet(): Fleet {
  const queuePrefix = 'bench';
  return {
    organisation: { id: uuidv7(), queuePrefix },
    plants: Array.from({ length: PLANTS }, () => uuidv7()),
    monthPlant: uuidv7(),
    queue: partnerTelemetryQueue(queuePrefix),
  };
}

/** @returns the ids of the assets, the same in every database that had none */
export function registerFleet(admin: Database, fleet: Fleet): Promise<string[]> {
  const { id: orgId, queuePrefix } = fleet.organisation;
  return admin.transaction([orgId], async (trx) => {
    await createOrganisation(trx, { id: orgId, slug: 'bench', name: 'Bench', queuePrefix, marketZone: ZONE });
    await enableTrading(trx, orgId, uuidv7());
    for (const id of [...fleet.plants, fleet.monthPlant]) {
      await createPlant(trx, { id, orgId, externalPlantId: null, name: 'Plant', timeZone: ZONE, marketZone: ZONE });
    }
    const assets: string[] = [];
    for (let n = 0; n < ASSETS; n += 1) {
      assets.push(
        await createAsset(trx, {
          orgId,
          plantId: fleet.plants[n] ?? null,
          deviceId: null,
          code: 'BENCH',
          name: 'Battery',
          type: 'BESS',
          region: 'DE',
          deliveryArea: '50HZ',
          provider: 'ASSET_SIMULATOR',
        }),
      );
    }
    return assets;
  });
}
