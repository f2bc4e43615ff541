import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import {
  AssetInUseError,
  deleteAsset,
  findAsset,
  listAssetsPage,
  listAssetStatuses,
  takeAssetStep,
  type AssetQuery,
  type AssetStatusQuery,
  type Database,
  type OrganisationRow,
} from '@quarterhour/db';
import { assetStep } from '@quarterhour/domain';
import { at, connect, query } from './fixtures.js';
import { explained } from './plans.js';

let server: TestDatabase;
let db: Database;
let ours: OrganisationRow;
let theirs: OrganisationRow;
beforeAll(async () => {
  server = await testDatabase();
  db = server.admin;
  ours = await anOrganisation(db);
  theirs = await anOrganisation(db);
}, 60_000);
afterAll(() => server.drop());

const inScope = <T>(work: Parameters<typeof db.transaction<T>>[1]) => db.transaction([ours.id, theirs.id], work);

describe('the register of assets', () => {
  test('remembers whose an asset was after it is gone', async () => {
    const id = await anAsset(db, ours);
    await inScope((trx) => deleteAsset(trx, ours.id, id));
    expect(await inScope((trx) => findAsset(trx, id))).toBeNull();
    expect(
      await inScope((trx) => trx.query(query('select org_id from app.asset_owner where asset_id = $1', [id]))),
    ).toEqual([{ org_id: ours.id }]);
  });

  test('does not let one organisation move or delete what is another’s', async () => {
    const id = await anAsset(db, theirs);
    const now = at('2026-01-15T10:00:00Z');
    const moved = await inScope((trx) => takeAssetStep(trx, { orgId: ours.id, id }, assetStep('commission'), now));
    await inScope((trx) => deleteAsset(trx, ours.id, id));
    expect([moved, (await inScope((trx) => findAsset(trx, id)))?.lifecycle]).toEqual([null, 'DRAFT']);
  });

  test('says so when something still refers to an asset', async () => {
    const id = await anAsset(db, ours);
    await db.transaction([], (trx) =>
      trx.query(query('create table ops.referring (asset_id text references app.asset (id))')),
    );
    await inScope((trx) => trx.query(query('insert into ops.referring values ($1)', [id])));
    await expect(inScope((trx) => deleteAsset(trx, ours.id, id))).rejects.toThrow(AssetInUseError);
    await db.transaction([], (trx) => trx.query(query('drop table ops.referring')));
    expect(await inScope((trx) => findAsset(trx, id))).not.toBeNull();
  });
});

describe('plans', () => {
  const assets: AssetQuery = { limit: 50, offset: 0 };
  const statuses: AssetStatusQuery = { assetIds: ['A', 'B'], isLatest: false, limit: 50, offset: 0 };

  beforeAll(async () => {
    await db.transaction([ours.id], async (trx) => {
      await trx.query(
        query(
          `insert into app.asset (id, org_id, code, name, type, region, delivery_area, provider)
           select 'DE_50HZ_PLAN_' || n, $1::uuid, 'PLAN', 'A', 'BESS', 'DE', '50HZ', 'EBX' from generate_series(1, 5000) n`,
          [ours.id],
        ),
      );
      await trx.query(
        query(
          `insert into app.asset_status (org_id, asset_id, effective_at, status, reasons, message_id, published_at,
             content_sha256, received_at)
           select $1::uuid, 'DE_50HZ_PLAN_' || (n % 5 + 1), timestamptz '2026-01-01' + n * interval '1 minute', 'ONLINE', '[]',
             $2 || n, now(), sha256('x'), now() from generate_series(1, 20000) n`,
          [ours.id, randomUUID()],
        ),
      );
      await trx.query(query('analyze app.asset, app.asset_status, app.asset_owner'));
    });
  });

  const planOf = (run: Parameters<typeof explained>[1]) => db.transaction([ours.id], (trx) => explained(trx, run));

  test('a page of assets sorts nothing but what the branches bring', async () => {
    const plan = await planOf((trx) => listAssetsPage(trx, assets, [{ name: 'id', column: 'id', as: 'text' }]));
    expect(plan).toContain('asset_by_organisation');
    expect(plan).not.toContain('Seq Scan on asset');
  });

  test.each([
    ['a page of statuses', statuses],
    ['the newest statuses', { ...statuses, isLatest: true }],
    ['a page as it was known', { ...statuses, knownAt: at('2100-01-01T00:00:00Z') }],
  ])('%s seeks in the index of each asset', async (_what, asked) => {
    const plan = await planOf((trx) => listAssetStatuses(trx, asked, [{ name: 'a', column: 'asset_id', as: 'text' }]));
    expect(plan).toMatch(/Index (Only )?Scan( Backward)? using asset_status_pkey/);
    expect(plan).not.toContain('Seq Scan on asset_status');
  });

  test('what is known now is read without a look at what was displaced', async () => {
    const plan = await planOf((trx) =>
      listAssetStatuses(trx, statuses, [{ name: 'a', column: 'asset_id', as: 'text' }]),
    );
    expect(plan).not.toContain('history');
  });
});

test('a role that reads sees statuses and writes none', async () => {
  const read = connect(server.readUrl);
  const write = read.transaction([ours.id], (trx) => trx.query(query('delete from app.asset_status')));
  await expect(write).rejects.toMatchObject({ code: '25006' });
  await read.close();
});
