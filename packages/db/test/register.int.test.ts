import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  anApiKey,
  anAsset,
  anOrganisation,
  aPlant,
  revokeApiKey,
  setTradingState,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';
import {
  changeTradingConfig,
  classifyError,
  createDevice,
  enableTrading,
  findPlant,
  listAssets,
  listDevices,
  listOrganisations,
  listPlants,
  loadRegister,
  recordSync,
  registerMark,
  type Database,
} from '@quarterhour/db';
import { connect, query } from './fixtures.js';

let server: TestDatabase;
let ingest: Database;
let read: Database;

beforeAll(async () => {
  server = await testDatabase();
  ingest = connect(server.ingestUrl);
  read = connect(server.readUrl);
});

afterAll(async () => {
  await ingest.close();
  await read.close();
  await server.drop();
});

describe('the register', () => {
  test('numbers the assets of a region, delivery area and code from 1, and never again', async () => {
    const owner = await anOrganisation(server.admin);
    const code = 'abc_x';
    expect(await anAsset(server.admin, owner, { code })).toBe('DE_50HZ_ABC_X_1');
    expect(await anAsset(server.admin, owner, { code: 'ABC_X' })).toBe('DE_50HZ_ABC_X_2');
    expect(await anAsset(server.admin, owner, { code, deliveryArea: 'AMPN' })).toBe('DE_AMPN_ABC_X_1');
    expect(await anAsset(server.admin, owner, { code, region: 'PL', deliveryArea: 'PSE' })).toBe('PL_PSE_ABC_X_1');
    await server.admin.transaction([owner.id], (trx) =>
      trx.query(query(`delete from app.asset where id = 'DE_50HZ_ABC_X_2'`)),
    );
    const ids = await Promise.all(Array.from({ length: 5 }, () => anAsset(server.admin, owner, { code })));
    expect(ids.toSorted()).toEqual([3, 4, 5, 6, 7].map((n) => `DE_50HZ_ABC_X_${n}`));
  });

  test('refuses an area outside its region, and a plant of another organisation', async () => {
    const owner = await anOrganisation(server.admin);
    const stranger = await anOrganisation(server.admin);
    const plant = await aPlant(server.admin, stranger);
    await expect(anAsset(server.admin, owner, { region: 'PL' })).rejects.toMatchObject({ code: '23514' });
    await expect(anAsset(server.admin, owner, { plantId: plant.id })).rejects.toMatchObject({ code: '23503' });
  });

  test('refuses a slug, a prefix and a plant id that are taken', async () => {
    const owner = await anOrganisation(server.admin);
    const again = await anOrganisation(server.admin, { slug: owner.slug }).catch((error: unknown) => error);
    expect(again).toMatchObject({ code: '23505', constraint: 'organisation_slug_key' });
    expect(classifyError(again)).toBe('data');
    await expect(anOrganisation(server.admin, { queuePrefix: owner.queuePrefix })).rejects.toMatchObject({
      constraint: 'organisation_queue_prefix_key',
    });
    const plant = await aPlant(server.admin, owner);
    await expect(aPlant(server.admin, owner, { externalPlantId: plant.externalPlantId })).rejects.toMatchObject({
      code: '23505',
    });
    const other = await anOrganisation(server.admin);
    await expect(aPlant(server.admin, other, { externalPlantId: plant.externalPlantId })).resolves.toBeDefined();
  });

  test('takes several organisations without prefix, and several plants without external id', async () => {
    const owner = await anOrganisation(server.admin, { queuePrefix: null });
    await anOrganisation(server.admin, { queuePrefix: null });
    await aPlant(server.admin, owner, { externalPlantId: null });
    await expect(aPlant(server.admin, owner, { externalPlantId: null })).resolves.toBeDefined();
  });

  test('shows each organisation its own plants, devices and assets', async () => {
    const [owner, stranger] = [await anOrganisation(server.admin), await anOrganisation(server.admin)];
    const plant = await aPlant(server.admin, owner);
    const device = {
      orgId: owner.id,
      id: randomUUID(),
      plantId: plant.id,
      kind: 'battery',
      externalId: 'B1',
      name: 'B1',
    };
    await server.admin.transaction([owner.id], (trx) => createDevice(trx, device));
    const assetId = await anAsset(server.admin, owner, { plantId: plant.id, deviceId: device.id });
    const seenBy = (scope: readonly string[]): Promise<readonly unknown[]> =>
      read.read(scope, async (trx) => [
        await listOrganisations(trx),
        await listPlants(trx),
        await listDevices(trx),
        (await listAssets(trx)).map(({ id }) => id),
        await findPlant(trx, plant.id),
      ]);
    expect(await seenBy([owner.id])).toEqual([[owner], [plant], [device], [assetId], plant]);
    expect(await seenBy([stranger.id])).toEqual([[stranger], [], [], [], null]);
    expect(await seenBy([])).toEqual([[], [], [], [], null]);
  });

  test('is loaded whole by the worker, which may list every organisation', async () => {
    const owners = [await anOrganisation(server.admin), await anOrganisation(server.admin)];
    const plants = await Promise.all(owners.map((owner) => aPlant(server.admin, owner)));
    const assets = await Promise.all(owners.map((owner) => anAsset(server.admin, owner)));
    const register = await loadRegister(ingest);
    expect(register.organisations.map(({ id }) => id)).toEqual(expect.arrayContaining(owners.map(({ id }) => id)));
    expect(register.plants).toEqual(expect.arrayContaining(plants));
    expect(register.assets.map(({ id }) => id)).toEqual(expect.arrayContaining(assets));
    expect(register.version).toBe((await registerMark(ingest)).version);
  });

  test('changes its version with every change of what it holds, and with nothing else', async () => {
    const versions: string[] = [];
    const look = async (): Promise<number> => versions.push((await registerMark(ingest)).version);
    await look();
    const owner = await anOrganisation(server.admin);
    await look();
    const plant = await aPlant(server.admin, owner);
    await look();
    const id = await anAsset(server.admin, owner);
    await look();
    const change = (text: string): Promise<unknown> =>
      server.admin.transaction([owner.id], (trx) => trx.query(query(text)));
    await change(`update app.asset set name = 'Another' where id = '${id}'`);
    await look();
    await change(`delete from app.asset where id = '${id}'`);
    await look();
    await change(
      `insert into app.external_id (scheme, value, org_id, plant_id) values ('site', '${plant.id}', '${owner.id}', '${plant.id}')`,
    );
    await look();
    await setTradingState(server.admin, owner, 'PAUSED');
    await look();
    const key = await anApiKey(server.admin, owner);
    await look();
    await revokeApiKey(server.admin, owner, key);
    await look();
    expect(new Set(versions).size).toBe(versions.length);
    await look();
    expect(versions.at(-1)).toBe(versions.at(-2));
  });

  test('keeps its version when only the list of plants was asked for, or what a partner’s own system is called with', async () => {
    const owner = await anOrganisation(server.admin, { tradingState: 'ENABLED' });
    const { version } = await registerMark(ingest);
    await server.admin.transaction([owner.id], async (trx) => {
      await recordSync(trx, owner.id, 'ESM_UNREACHABLE');
      await changeTradingConfig(trx, owner.id, { esmApiUrl: 'https://esm.example' });
    });
    expect((await registerMark(ingest)).version).toBe(version);
  });

  test('says how trading stands, and which keys were not revoked, until when', async () => {
    const [owner, unconfigured] = [
      await anOrganisation(server.admin, { tradingState: 'DRAINING' }),
      await anOrganisation(server.admin, { tradingState: null }),
    ];
    const [lasting, revoked] = [await anApiKey(server.admin, owner), await anApiKey(server.admin, owner)];
    await revokeApiKey(server.admin, owner, revoked);
    const ending = await anApiKey(server.admin, owner, { expiresInMs: 60_000 });
    const register = await loadRegister(ingest);
    const states = new Map(register.tradingStates.map(({ orgId, state }) => [orgId, state]));
    expect([states.get(owner.id), states.get(unconfigured.id)]).toEqual(['DRAINING', undefined]);
    expect(register.apiKeys.filter(({ orgId }) => orgId === owner.id)).toEqual([
      expect.objectContaining({ id: lasting, orgId: owner.id, expiresAtMillis: null, endsAtMillis: null }),
      expect.objectContaining({ id: ending, expiresAtMillis: expect.any(Number), endsAtMillis: expect.any(Number) }),
    ]);
    const left = (register.apiKeys.find(({ id }) => id === ending)?.expiresAtMillis ?? 0) - register.nowMillis;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  test('has trading enabled by an installation where it is disabled, and nowhere else', async () => {
    const untouched = await anOrganisation(server.admin, { tradingState: null });
    const disabled = await anOrganisation(server.admin, { tradingState: 'DISABLED' });
    const paused = await anOrganisation(server.admin, { tradingState: 'PAUSED' });
    const enable = ({ id }: { readonly id: string }) =>
      server.admin.transaction([id], (trx) => enableTrading(trx, id, randomUUID()));
    expect([await enable(untouched), await enable(disabled), await enable(paused)]).toEqual([true, true, false]);
    expect(await enable(disabled)).toBe(false);
    const { tradingStates } = await loadRegister(ingest);
    const states = new Map(tradingStates.map(({ orgId, state }) => [orgId, state]));
    expect([untouched, disabled, paused].map(({ id }) => states.get(id))).toEqual(['ENABLED', 'ENABLED', 'PAUSED']);
    const versions = await server.admin.read([], (trx) =>
      trx.query({
        text: `select wanted_version::int as wanted from app.trading_config where org_id = any ($1::uuid[]) order by wanted`,
        values: [[untouched.id, disabled.id, paused.id]],
      }),
    );
    expect(versions).toEqual([{ wanted: 1 }, { wanted: 1 }, { wanted: 2 }]);
  });

  test('is written by no role that ingests or reads', async () => {
    const owner = await anOrganisation(server.admin);
    await expect(aPlant(ingest, owner)).rejects.toMatchObject({ code: '42501' });
    await expect(aPlant(read, owner)).rejects.toMatchObject({ code: '25006' });
  });
});
