import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  beginConfigRequest,
  findEsmAccess,
  findPlant,
  linkPlant,
  listOpenConfigRequests,
  listSyncsDue,
  recordSync,
  updateConfigRequest,
  type Database,
  type OrganisationRow,
} from '@quarterhour/db';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { connect, query } from './fixtures.js';
import { explained } from './plans.js';

let database: TestDatabase;
let control: Database;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  database = await testDatabase();
  control = connect(database.controlUrl);
  ours = await anOrganisation(database.admin);
  theirs = await anOrganisation(database.admin);
}, 60_000);
afterAll(async () => {
  await control.close();
  await database.drop();
});

const externalIdOf = async (plantId: string) =>
  (await database.admin.read([ours.id, theirs.id], (trx) => findPlant(trx, plantId)))?.externalPlantId;

describe('a link', () => {
  const link = (plantId: string, externalPlantId: string) =>
    control.transaction([ours.id], (trx) => linkPlant(trx, { orgId: ours.id, plantId, externalPlantId }));

  test('is given to a plant that has none, and never moved', async () => {
    const plant = await aPlant(database.admin, ours, { externalPlantId: null });
    expect([await link(plant.id, 'E-1'), await link(plant.id, 'E-2')]).toEqual([true, false]);
    expect(await externalIdOf(plant.id)).toBe('E-1');
  });

  test('that another plant of the organisation has is not given again; one that only others have is', async () => {
    await aPlant(database.admin, ours, { externalPlantId: 'E-3' });
    await aPlant(database.admin, theirs, { externalPlantId: 'E-4' });
    const plant = await aPlant(database.admin, ours, { externalPlantId: null });
    expect([await link(plant.id, 'E-3'), await link(plant.id, 'E-4')]).toEqual([false, true]);
  });

  test('of another organisation’s plant is out of reach', async () => {
    const plant = await aPlant(database.admin, theirs, { externalPlantId: null });
    const link = { orgId: theirs.id, plantId: plant.id, externalPlantId: 'E-9' };
    expect(await control.transaction([ours.id], (trx) => linkPlant(trx, link))).toBe(false);
    expect(await externalIdOf(plant.id)).toBeNull();
  });
});

describe('access to an ESM', () => {
  const set = (organisation: OrganisationRow, members: string) =>
    database.admin.transaction([organisation.id], (trx) =>
      trx.query(query(`update app.trading_config set ${members} where org_id = $1`, [organisation.id])),
    );
  const due = (everyMs = 900_000) => control.read([ours.id, theirs.id], (trx) => listSyncsDue(trx, { everyMs }));

  test('is there when it is complete, and due while trading is enabled and nobody asked lately', async () => {
    const find = () => control.read([ours.id], (trx) => findEsmAccess(trx, ours.id));
    await set(ours, `esm_api_url = 'https://esm.example', esm_client_id = 'a'`);
    expect([await find(), await due()]).toEqual([null, []]);
    await set(ours, `esm_client_secret = 'sealed'`);
    expect(await find()).toMatchObject({ orgId: ours.id, clientId: 'a', sealedClientSecret: 'sealed' });
    expect(await due()).toEqual([ours.id]);
    await control.transaction([ours.id], (trx) => recordSync(trx, ours.id, `a\0${'b'.repeat(2_000)}`));
    expect([await due(), await due(0)]).toEqual([[], [ours.id]]);
    await set(ours, `state = 'PAUSED'`);
    expect(await due(0)).toEqual([]);
  });
});

describe('a configuration that was sent', () => {
  const begin = async (requestCode: string, organisation = ours) => {
    const { id: orgId } = organisation;
    const plant = await aPlant(database.admin, organisation);
    const request = { orgId, plantId: plant.id, requestedBy: null, requestCode, validateOnly: false };
    return control.transaction([orgId], (trx) => beginConfigRequest(trx, { ...request, configSnapshot: { a: 1 } }));
  };
  const open = (askedWithinMs = 0, overdueAfterMs = 60_000, limitEach = 100) =>
    control.read([ours.id, theirs.id], (trx) =>
      listOpenConfigRequests(trx, { askedWithinMs, overdueAfterMs, limitEach }),
    );
  const answer = { message: null, isTerminal: false, isError: false, isFromEsm: true };

  test('is open until its last word, which stays', async () => {
    const entry = await begin('r-1');
    const note = (resultCode: string, isTerminal: boolean) =>
      control.transaction([ours.id], (trx) => updateConfigRequest(trx, entry, { ...answer, resultCode, isTerminal }));
    expect(await note('PENDING', false)).toMatchObject({ resultCode: 'PENDING', respondedAt: expect.any(String) });
    expect((await open()).map(({ requestCode }) => requestCode)).toContain('r-1');
    await note('APPLIED', true);
    expect(await note('FAILED', true)).toMatchObject({ resultCode: 'APPLIED', isTerminal: true });
    expect((await open()).map(({ requestCode }) => requestCode)).not.toContain('r-1');
  });

  test('is left to whoever sent it as long as there is no answer at all, and is overdue in time', async () => {
    await begin('r-2');
    expect((await open(60_000)).map(({ requestCode }) => requestCode)).not.toContain('r-2');
    const isOverdue = async (afterMs: number) =>
      (await open(0, afterMs)).find(({ requestCode }) => requestCode === 'r-2')?.isOverdue;
    expect([await isOverdue(60_000), await isOverdue(0)]).toEqual([false, true]);
  });

  test('of one organisation keeps none of another from being seen; what is overdue comes first, then any of them', async () => {
    for (const code of ['f-1', 'f-2', 'f-3']) await begin(code);
    await begin('g-1', theirs);
    await database.admin.transaction([ours.id], (trx) =>
      trx.query(
        query(
          `update app.config_log set created_at = created_at - interval '1 hour' where org_id = $1 and request_code = 'f-3'`,
          [ours.id],
        ),
      ),
    );
    const seen = new Set<string | null>();
    for (let n = 0; n < 30; n += 1) {
      const found = (await open(0, 600_000, 2)).map(({ requestCode }) => requestCode);
      expect([found.length, found.includes('g-1'), found.includes('f-3')]).toEqual([3, true, true]);
      for (const code of found) seen.add(code);
    }
    for (const code of ['f-1', 'f-2', 'f-3', 'g-1']) expect(seen).toContain(code);
  });

  test('is found by its index among many that are over', async () => {
    await database.admin.transaction([ours.id], async (trx) => {
      await trx.query(
        query(
          `insert into app.config_log (org_id, plant_id, validate_only, is_terminal, result_code, created_at)
           select $1, gen_random_uuid(), false, true, 'APPLIED', now() from generate_series(1, 5000)`,
          [ours.id],
        ),
      );
      await trx.query(query('analyze app.config_log'));
    });
    const plan = await control.read([ours.id], (trx) =>
      explained(trx, (recorder) =>
        listOpenConfigRequests(recorder, { askedWithinMs: 0, overdueAfterMs: 0, limitEach: 100 }),
      ),
    );
    expect(plan).toContain('config_log_open');
  });
});
