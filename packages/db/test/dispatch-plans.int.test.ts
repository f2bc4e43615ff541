import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listDispatches, type Database } from '@quarterhour/db';
import { anAsset, anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { at, connect, query } from './fixtures.js';

const window = { from: at('2025-12-05T00:00:00Z'), to: at('2025-12-25T00:00:00Z') };
let server: TestDatabase;
let read: Database;
let orgId: string;
let assetIds: string[];

beforeAll(async () => {
  server = await testDatabase();
  read = connect(server.readUrl, 1);
  orgId = (await anOrganisation(server.admin)).id;
  assetIds = [await anAsset(server.admin, { id: orgId }), await anAsset(server.admin, { id: orgId })];
  await server.admin.transaction([orgId], async (trx) => {
    await trx.query(
      query(
        `insert into app.dispatch (org_id, event_id, asset_id, source, published_at, dispatch_time,
           delivery_period_start, delivery_day, target_power_mw, content_sha256, received_at)
         select $1, gen_random_uuid(), asset_id, 'optimiser', t, t, t, t::date, 1, sha256('x'), t
         from generate_series('2025-12-01'::timestamptz, '2025-12-31'::timestamptz, interval '1 minute') t,
           unnest($2::text[]) asset_id`,
        [orgId, assetIds],
      ),
    );
    await trx.query(query('analyze app.dispatch'));
  });
}, 60_000);
afterAll(async () => {
  await read.close();
  await server.drop();
});

test.each(['asc', 'desc'] as const)('the pages that follow are planned once, and not each anew (%s)', async (order) => {
  const page = { ...window, assetIds, order, limit: 50, offset: 0, knownAt: at('2026-01-15T12:00:03Z') };
  const plans = await read.read([orgId], async (trx) => {
    for (let minute = 10; minute < 30; minute += 1) {
      const after = { dispatchTime: at(`2025-12-10T09:${minute}:00Z`), eventId: randomUUID(), assetId: 'A' };
      await listDispatches(trx, { ...page, after }, [{ name: 'event', column: 'event_id', as: 'uuid' }]);
    }
    return trx.query(
      query(
        `select custom_plans::int as custom, generic_plans::int as kept from pg_prepared_statements
         where statement like '%dispatch_time ${order}%'`,
      ),
    );
  });
  expect(plans).toEqual([{ custom: 5, kept: 15 }]);
});
