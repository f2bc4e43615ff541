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

/** At least one of them. */
export type ChaosOrganisations = readonly [ChaosOrganisation, ...ChaosOrganisation[]];

const ZONE = 'Europe/Berlin';

/** Registers three organisations whose trading is open, two of which use the same ids. */
export async function registerOrganisations(admin: Database): Promise<ChaosOrganisations> {
  const alone = await register(admin, 'gamma', { isOpen: true });
  const twin = await register(admin, 'beta', { isOpen: true });
  return [await register(admin, 'alpha', { isOpen: true, twin }), twin, alone];
}

/** Registers so many organisations whose traders never opened anything. */
export async function registerPartners(admin: Database, count: number): Promise<ChaosOrganisations> {
  const others: ChaosOrganisation[] = [];
  for (let number = 2; number <= count; number += 1) {
    others.push(await register(admin, `partner-${number}`, { isOpen: false }));
  }
  return [await register(admin, 'partner-1', { isOpen: false }), ...others];
}

async function register(
  admin: Database,
  slug: string,
  { isOpen, twin = null }: { readonly isOpen: boolean; readonly twin?: ChaosOrganisation | null },
): Promise<ChaosOrganisation> {
  const random = randomStream(`organisation ${slug}`);
  const id = random.uuid();
  const plants = [random.uuid(), random.uuid()] as const;
  const asset = await admin.transaction([id], async (trx) => {
    await createOrganisation(trx, { id, slug, name: slug, queuePrefix: slug, marketZone: ZONE });
    if (isOpen) await enableTrading(trx, id, random.uuid());
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
