import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { getDispatch, getQuarantined, openDatabase, type Database, type OrganisationRow } from '@quarterhour/db';
import {
  aDispatch,
  anAsset,
  anOrganisation,
  aPlant,
  aRealtimeEnvelope,
  sentDispatch,
  sentTelemetry,
  takeIn,
  testDatabase,
  type TestDatabase,
} from '@quarterhour/testkit';
import { commandLine, type Ended } from './command-line.js';

let database: TestDatabase;
let worker: Database;
let read: Database;
let ours: OrganisationRow;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(async () => {
  database = await testDatabase();
  worker = openDatabase({ url: database.ingestUrl, applicationName: 'test', maxConnections: 1 });
  read = openDatabase({ url: database.readUrl, applicationName: 'test', maxConnections: 1 });
  quarterhour = commandLine({
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
    QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
  });
});
beforeEach(async () => {
  ours = await anOrganisation(database.admin);
});
afterAll(async () => {
  await Promise.all([worker.close(), read.close()]);
  await database.drop();
});

/** Telemetry for a plant that is not registered yet. */
async function parkedSample(externalPlantId = 'roof', socPercent = 50): Promise<string> {
  const timestamp = new Date(Date.now() - 600_000 - Math.floor(Math.random() * 3_600_000)).toISOString();
  const envelope = aRealtimeEnvelope({ siteId: externalPlantId, timestamp, payload: { socPercent } });
  expect(await takeIn(worker, sentTelemetry(ours.slug, envelope))).toBe('quarantined');
  const { stdout } = await quarterhour('quarantine', 'list', '--organisation', ours.slug, '--limit', '1', '--json');
  const [{ id }] = JSON.parse(stdout);
  return String(id);
}
const shown = (id: string) => read.read([ours.id], (trx) => getQuarantined(trx, id));
const replay = (...args: string[]) => quarterhour('quarantine', 'replay', ...args);

describe('quarantine replay', () => {
  test('takes in everything that matches, oldest first, with a line for each and a summary', async () => {
    const ids = [await parkedSample(), await parkedSample()];
    await aPlant(database.admin, ours, { externalPlantId: 'roof' });

    const { status, stdout, stderr } = await replay('--organisation', ours.slug, '--reason', 'unknown_plant');

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([`${ids[0]}  stored`, `${ids[1]}  stored`, '2 stored.']);
    expect(await shown(ids[0] ?? '')).toMatchObject({
      state: 'replayed',
      decidedBy: expect.stringMatching(/, by command$/),
    });
  }, 60_000);

  test('says in a dry run what would happen, and does nothing', async () => {
    const id = await parkedSample();
    await aPlant(database.admin, ours, { externalPlantId: 'roof' });

    const { status, stdout } = await replay('--organisation', ours.slug, '--dry-run');

    expect([status, stdout]).toEqual([0, `${id}  would be stored\n1 would be stored.`]);
    expect(await shown(id)).toMatchObject({ state: 'open', attempts: 0 });
  }, 60_000);

  test('fails while something stays in quarantine, and says why', async () => {
    const id = await parkedSample();

    const { status, stdout, stderr } = await replay(id);

    expect([status, stderr]).toEqual([1, expect.stringMatching(/^error: 1 not taken in\. .*quarantine show/)]);
    expect(stdout).toMatch(new RegExp(`^${id}  stays in quarantine: unknown_plant at siteId: `, 'm'));
    expect(stdout).toMatch(/^1 stays in quarantine\.$/m);
  }, 60_000);

  test('stops after the chunk in which a delivery fails for a reason that it did not have before', async () => {
    const faulty = await parkedSample('roof', 101);
    await database.admin.transaction([ours.id], (trx) =>
      trx.query({
        text: `insert into app.quarantine select (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid(),
                 'routing_key', q.routing_key || n, 'first_seen', q.first_seen + n * interval '1 second'))).*
               from app.quarantine q, generate_series(1, 120) n where q.id = $1`,
        values: [faulty],
      }),
    );
    await aPlant(database.admin, ours, { externalPlantId: 'roof' });

    const { status, stdout, stderr } = await replay('--organisation', ours.slug);

    expect(status).toBe(1);
    expect(stderr).toMatch(/failed with implausible, which it had not before: stopped there, the rest was not tried\./);
    expect(stdout.split('\n')).toHaveLength(101);
    expect((await replay('--organisation', ours.slug, '--limit', '100')).stderr).not.toMatch(/which it had not before/);
  }, 60_000);

  test('names ids that are not there, and takes ids or filters, not both', async () => {
    const nowhere = randomUUID();
    expect(await replay(nowhere)).toMatchObject({ status: 1, stdout: `${nowhere}  not found\n1 not found.` });
    expect((await replay(nowhere, '--stream', 'dispatch')).stderr).toMatch(/exclude each other/);
    expect((await replay('x')).status).toBe(2);
  }, 60_000);

  test('takes in what belonged to nobody until its asset was registered', async () => {
    const message = aDispatch({ asset_id: 'DE_50HZ_NEW_1' });
    await takeIn(worker, sentDispatch(message));
    await anAsset(database.admin, ours, { code: 'NEW' });

    expect((await replay('--stream', 'dispatch')).stdout).toMatch(/^1 stored\.$/m);
    expect(await read.read([ours.id], (trx) => getDispatch(trx, message.event_id))).not.toBeNull();
  }, 60_000);

  test('says so when nothing matches', async () => {
    expect(await replay('--organisation', ours.slug)).toMatchObject({ status: 0, stdout: 'Nothing open matches.' });
  }, 60_000);
});

describe('quarantine discard', () => {
  test('puts aside with a reason, which quarantine show tells', async () => {
    const id = await parkedSample();
    const discard = (...args: string[]) =>
      quarterhour('quarantine', 'discard', id, '--because', 'a test bench', ...args);

    expect(await discard('--dry-run')).toMatchObject({ status: 0, stdout: `${id}  would be discarded` });
    expect(await discard()).toMatchObject({ status: 0, stdout: `${id}  discarded` });
    expect(await discard()).toMatchObject({ status: 0, stdout: `${id}  discarded before` });
    const { stdout } = await quarterhour('quarantine', 'show', id);
    expect(stdout).toMatch(/state +discarded[^]*decided by +\S+, by command[^]*because +a test bench/);
  }, 60_000);

  test('needs a reason, and ids that are there', async () => {
    const nowhere = randomUUID();
    expect((await quarterhour('quarantine', 'discard', nowhere)).status).toBe(2);
    expect(await quarterhour('quarantine', 'discard', nowhere, '--because', 'x')).toMatchObject({
      status: 1,
      stdout: `${nowhere}  not found`,
    });
  }, 60_000);
});

test('quarantine list says what a delivery waits for', async () => {
  await parkedSample('garden');
  const { stdout } = await quarterhour('quarantine', 'list', '--organisation', ours.slug);
  expect(stdout).toMatch(/WAITS FOR/);
  expect(stdout).toContain(`site ${ours.id} garden`);
}, 60_000);
