import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { listCommandLog, listConfigLog } from '@quarterhour/db';
import type { CountedPage, Database, OrganisationRow, PlantLogQuery, PlantRow, Trx } from '@quarterhour/db';
import { anOrganisation, aPlant, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { connect, query } from './fixtures.js';
import { explained } from './plans.js';

const ROWS = 3_000;

let database: TestDatabase;
let read: Database;
let ours: OrganisationRow;
let plant: PlantRow;
beforeAll(async () => {
  database = await testDatabase();
  read = connect(database.readUrl);
  ours = await anOrganisation(database.admin);
  plant = await aPlant(database.admin, ours);
  await fill(ours.id, plant.id);
  const theirs = await anOrganisation(database.admin);
  await fill(theirs.id, plant.id);
}, 60_000);
afterAll(async () => {
  await read.close();
  await database.drop();
});

/** One every second; every tenth is an emergency. A stranger may have a row of the same plant id: it is not its plant's. */
async function fill(orgId: string, plantId: string): Promise<void> {
  await database.admin.transaction([orgId], async (trx) => {
    await trx.query(
      query(
        `insert into app.command_log (org_id, id, plant_id, site_id, command_type, routing_key, message_id, payload,
           status, created_at, received_at, content_sha256, is_first)
         select $1, gen_random_uuid(), $2, 's', case when n % 10 = 0 then 'EMERGENCY' else 'MODE_CHANGE' end, 'k',
           'm-' || n, '{}', 'PENDING', at, at, sha256(n::text::bytea), true
         from generate_series(1, ${ROWS}) n, lateral (
           select timestamptz '2026-01-15T10:00:00Z' + n * interval '1 second' as at) clock`,
        [orgId, plantId],
      ),
    );
    await trx.query(
      query(
        `insert into app.config_log (org_id, plant_id, validate_only, message, created_at)
         select $1, $2, false, 'm-' || n, timestamptz '2026-01-15T10:00:00Z' + n * interval '1 second'
         from generate_series(1, ${ROWS}) n`,
        [orgId, plantId],
      ),
    );
  });
  await database.admin.transaction([orgId], (trx) => trx.query(query('analyze app.command_log, app.config_log')));
}

const lists: readonly (readonly [string, string, (trx: Trx, asked: PlantLogQuery) => Promise<CountedPage>])[] = [
  [
    'commands',
    'command_log_by_time',
    (trx, asked) => listCommandLog(trx, asked, [{ name: 'm', column: 'message_id', as: 'text' }]),
  ],
  [
    'configurations',
    'config_log_by_time',
    (trx, asked) => listConfigLog(trx, asked, [{ name: 'm', column: 'message', as: 'text' }]),
  ],
];
const pageOf = (offset: number, limit: number): PlantLogQuery => ({ plant, offset, limit });
const messages = ({ json }: CountedPage): string[] =>
  z
    .array(z.object({ m: z.string() }))
    .parse(JSON.parse(json))
    .map(({ m }) => m);

describe.each(lists)('the log of %s', (_what, index, list) => {
  test('has the newest first, and knows how long it is', async () => {
    const found = await read.read([ours.id], (trx) => list(trx, pageOf(20, 3)));
    expect([messages(found), found.total]).toEqual([['m-2980', 'm-2979', 'm-2978'], ROWS]);
    const last = await read.read([ours.id], (trx) => list(trx, pageOf(ROWS - 1, 5)));
    expect(messages(last)).toEqual(['m-1']);
  });

  test('of a plant that is not the organisation’s is empty', async () => {
    const asked = { plant: { orgId: randomUUID(), id: plant.id }, offset: 0, limit: 5 };
    expect(await read.read([ours.id], (trx) => list(trx, asked))).toEqual({ json: '[]', total: 0 });
  });

  test('is read in the order of its index, without sorting', async () => {
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      const plan = await read.transaction([ours.id], async (trx) => {
        await trx.query(query(`set local plan_cache_mode = ${mode}`));
        return explained(trx, (recorder) => list(recorder, pageOf(20, 20)));
      });
      expect(plan).toMatch(
        new RegExp(`Limit\\n( +InitPlan 1\\n +-> +Result\\n)? +-> +Index Scan Backward using ${index} `),
      );
    }
  });
});

test('commands of one kind are counted alone', async () => {
  const asked = { ...pageOf(0, 2), commandType: 'EMERGENCY' };
  const found = await read.read([ours.id], (trx) =>
    listCommandLog(trx, asked, [{ name: 'm', column: 'message_id', as: 'text' }]),
  );
  expect([messages(found), found.total]).toEqual([['m-3000', 'm-2990'], ROWS / 10]);
});
