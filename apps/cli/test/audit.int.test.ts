import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, recordAudit, type Database, type OrganisationRow } from '@quarterhour/db';
import { anOrganisation, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { commandLine, type Ended } from './command-line.js';

let database: TestDatabase;
let control: Database;
let ours: OrganisationRow;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(async () => {
  database = await testDatabase();
  control = openDatabase({ url: database.controlUrl, applicationName: 'test', maxConnections: 1 });
  quarterhour = commandLine({
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
  });
  ours = await anOrganisation(database.admin);
  const entry = { orgId: ours.id, actor: 'tom', action: 'trading.enable', subject: 'x', detail: {} };
  for (let n = 0; n < 3; n += 1) await control.transaction([ours.id], (trx) => recordAudit(trx, [entry]));
}, 60_000);
afterAll(async () => {
  await control.close();
  await database.drop();
});

test('says that every chain is whole, and which entry is not, with status 1', async () => {
  const whole = await quarterhour('audit', 'verify');
  expect([whole.status, whole.stdout.split('\n')]).toEqual([
    0,
    [`${ours.slug}: 3 entries, whole`, '(nobody): 0 entries, whole'],
  ]);

  await database.admin.transaction([ours.id], async (trx) => {
    await trx.query({ text: 'set local session_replication_role = replica', values: [] });
    await trx.query({ text: `update app.audit set actor = 'nobody' where org_id = $1 and seq = 2`, values: [ours.id] });
  });
  const broken = await quarterhour('audit', 'verify', '--organisation', ours.slug);
  expect([broken.status, broken.stdout]).toEqual([1, `${ours.slug}: broken at 2`]);
  expect(broken.stderr).toContain('1 of 1 audit chains are broken');
  expect((await quarterhour('audit', 'verify', '--organisation', 'nowhere')).status).toBe(1);
}, 60_000);
