import {
  createAsset,
  createOrganisation,
  createPlant,
  enableTrading,
  listAssets,
  listOrganisations,
  listPlants,
  openDatabase,
  raiseKnownAt,
  type Database,
  type Trx,
} from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import { v7 as uuidv7 } from 'uuid';
import { demoAssets } from './demo-set.js';
import { seedHornsdaleSite } from './hornsdale-site.js';
import { DEMO_ORGANISATION, DEMO_PLANTS, type DemoPlant, type PlantIds } from './register.js';
import { seedSpecs } from './specs.js';

/** The database belongs to somebody else, or holds something under the demo's names that this checkout did not make. */
export class DemoTakenError extends Error {
  override readonly name = 'DemoTakenError';
  readonly code = 'DEMO_TAKEN';
}

const REGISTER_IS_THERE = { text: `select to_regclass('app.organisation') is not null as "isThere"`, values: [] };

/** Opens the database as its administrator, for the register. */
export function openRegister(adminUrl: string): Database {
  return openDatabase({ url: adminUrl, applicationName: 'quarterhour demo', maxConnections: 1 });
}

/** Whether somebody has migrated the database. */
export function isMigrated(db: Database): Promise<boolean> {
  return db.read([], async (trx) => {
    const [register] = await trx.query<{ isThere: boolean }>(REGISTER_IS_THERE);
    return register?.isThere === true;
  });
}

/** Id of the organisation that is called like the demo's; null when there is none. */
export function findDemoOrganisation(db: Database): Promise<string | null> {
  return db.read([], async (trx) => {
    const organisations = await listOrganisations(trx);
    return organisations.find(({ slug }) => slug === DEMO_ORGANISATION.slug)?.id ?? null;
  });
}

/**
 * Registers organisation, plants, assets, what is known of these, and a site of the demo, as far as they are not there.
 *
 * @returns the ids of its plants
 * @throws DemoTakenError when an asset of the demo belongs to somebody else
 */
export function seedDemo(db: Database, organisationId: string): Promise<PlantIds> {
  return db.transaction([organisationId], async (trx) => {
    await seedOrganisation(trx, organisationId);
    const plants = {
      hornsdale: await seedPlant(trx, organisationId, 'hornsdale'),
      home: await seedPlant(trx, organisationId, 'home'),
      sungrow: await seedPlant(trx, organisationId, 'sungrow'),
    };
    await seedAssets(trx, organisationId, plants);
    const stamp = await stampOf(trx, organisationId);
    await seedSpecs(trx, organisationId, stamp);
    await seedHornsdaleSite(trx, organisationId, stamp);
    return plants;
  });
}

async function stampOf(trx: Trx, orgId: string): Promise<UtcInstant> {
  const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
  if (stamp === undefined) throw new Error('the organisation of the demo has no head');
  return stamp;
}

async function seedOrganisation(trx: Trx, id: string): Promise<void> {
  const organisations = await listOrganisations(trx);
  if (organisations.some((organisation) => organisation.id === id)) return;
  await createOrganisation(trx, { id, ...DEMO_ORGANISATION });
  await enableTrading(trx, id, uuidv7());
}

async function seedPlant(trx: Trx, orgId: string, name: DemoPlant): Promise<string> {
  const plant = DEMO_PLANTS[name];
  const known = (await listPlants(trx)).find(
    (other) => other.orgId === orgId && other.externalPlantId === plant.externalPlantId,
  );
  if (known !== undefined) return known.id;
  const id = uuidv7();
  await createPlant(trx, { orgId, id, ...plant, marketZone: DEMO_ORGANISATION.marketZone });
  return id;
}

async function seedAssets(trx: Trx, orgId: string, plants: PlantIds): Promise<void> {
  const known = new Set((await listAssets(trx)).filter((asset) => asset.orgId === orgId).map(({ id }) => id));
  for (const { id, plant, ...asset } of demoAssets()) {
    if (known.has(id)) continue;
    const plantId = plant === null ? null : plants[plant];
    const made = await createAsset(trx, { orgId, plantId, deviceId: null, provider: 'ASSET_SIMULATOR', ...asset });
    if (made !== id) throw new DemoTakenError(`The database holds an asset ${id} that is not the demo's.`);
  }
}
