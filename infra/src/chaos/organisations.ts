import { createAsset, createOrganisation, createPlant, enableTrading, type Database } from '@quarterhour/db';
import { randomStream } from './random.js';

/** Who publishes. */
export interface ChaosOrganisation {
  readonly id: string;
  readonly slug: string;
  readonly queuePrefix: string;
  readonly plants: readonly [string, string];
  readonly asset: string;
  /** Uses the same message and event ids; null when nobody does. */
  readonly twin: ChaosOrganisation | null;
}

const ZONE = 'Europe/Berlin';

/** Registers three organisations, two of which use the same ids. */
export async function registerOrganisations(
  admin: Database,
): Promise<readonly [ChaosOrganisation, ChaosOrganisation, ChaosOrganisation]> {
  const alone = await register(admin, 'gamma', null);
  const twin = await register(admin, 'beta', null);
  return [await register(admin, 'alpha', twin), twin, alone];
}

async function register(admin: Database, slug: string, twin: ChaosOrganisation | null): Promise<ChaosOrganisation> {
  const random = randomStream(`organisation ${slug}`);
  const id = random.uuid();
  const plants = [random.uuid(), random.uuid()] as const;
  const asset = await admin.transaction([id], async (trx) => {
    await createOrganisation(trx, { id, slug, name: slug, queuePrefix: slug, marketZone: ZONE });
    await enableTrading(trx, id, random.uuid());
    for (const [index, plant] of plants.entries()) {
      const externalPlantId = `${slug}-${index + 1}`;
      await createPlant(trx, {
        id: plant,
        orgId: id,
        externalPlantId,
        name: externalPlantId,
        timeZone: ZONE,
        marketZone: ZONE,
      });
    }
    return createAsset(trx, {
      orgId: id,
      plantId: null,
      deviceId: null,
      code: slug.toUpperCase(),
      name: slug,
      type: 'BESS',
      region: 'DE',
      deliveryArea: '50HZ',
      provider: 'ASSET_SIMULATOR',
    });
  });
  return { id, slug, queuePrefix: slug, plants, asset, twin };
}
