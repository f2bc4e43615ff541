import { randomBytes, randomUUID } from 'node:crypto';
import { createAsset, createOrganisation, createPlant } from '@quarterhour/db';
import type { Database, NewAsset, OrganisationRow, PlantRow } from '@quarterhour/db';

/** Registers an organisation that publishes by itself, its days being Berlin's. */
export async function anOrganisation(db: Database, different: Partial<OrganisationRow> = {}): Promise<OrganisationRow> {
  const slug = `partner-${randomBytes(4).toString('hex')}`;
  const organisation = {
    id: randomUUID(),
    slug,
    name: 'A partner',
    queuePrefix: slug,
    marketZone: 'Europe/Berlin',
    ...different,
  };
  await db.transaction([organisation.id], (trx) => createOrganisation(trx, organisation));
  return organisation;
}

/** Registers a plant of an organisation, in its market zone. */
export async function aPlant(
  db: Database,
  { id: orgId, marketZone }: Pick<OrganisationRow, 'id' | 'marketZone'>,
  different: Partial<Omit<PlantRow, 'orgId'>> = {},
): Promise<PlantRow> {
  const id = randomUUID();
  const plant = {
    id,
    externalPlantId: `plant-${id.slice(0, 8)}`,
    name: 'A plant',
    timeZone: marketZone,
    marketZone,
    ...different,
    orgId,
  };
  await db.transaction([orgId], (trx) => createPlant(trx, plant));
  return plant;
}

/**
 * Registers a battery in 50HZ that no plant measures.
 *
 * @returns its id: the first one in a database is `DE_50HZ_WU_1`, the one that `aDispatch` is for
 */
export async function anAsset(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  different: Partial<Omit<NewAsset, 'orgId'>> = {},
): Promise<string> {
  const asset: NewAsset = {
    plantId: null,
    deviceId: null,
    code: 'WU',
    name: 'A battery',
    type: 'BESS',
    region: 'DE',
    deliveryArea: '50HZ',
    provider: 'ASSET_SIMULATOR',
    ...different,
    orgId,
  };
  return db.transaction([orgId], (trx) => createAsset(trx, asset));
}
