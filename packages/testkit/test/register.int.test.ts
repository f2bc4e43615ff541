import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadRegister, openDatabase } from '@quarterhour/db';
import { aPlant, anAsset, anOrganisation, testDatabase } from '../src/index.js';
import type { TestDatabase } from '../src/index.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

describe('what the builders register', () => {
  test('is what the worker’s role reads', async () => {
    const organisation = await anOrganisation(database.admin);
    const plant = await aPlant(database.admin, organisation, { externalPlantId: 'roof' });
    const asset = await anAsset(database.admin, organisation, { plantId: plant.id });
    const db = openDatabase({ url: database.ingestUrl, applicationName: 'test', maxConnections: 1 });
    try {
      const register = await loadRegister(db);
      expect(register.organisations).toEqual([
        expect.objectContaining({ id: organisation.id, slug: organisation.slug }),
      ]);
      expect(register.plants).toEqual([expect.objectContaining({ id: plant.id, externalPlantId: 'roof' })]);
      expect(register.assets).toEqual([
        expect.objectContaining({ id: asset, plantId: plant.id, deliveryArea: '50HZ' }),
      ]);
      expect(asset).toBe('DE_50HZ_WU_1');
    } finally {
      await db.close();
    }
  });
});
