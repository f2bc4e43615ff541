import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@quarterhour/db';
import {
  aDispatch,
  aMeterEnvelope,
  aPlant,
  aRealtimeEnvelope,
  aTradingChange,
  anAsset,
  anOrganisation,
  startProcess,
  testDatabase,
  testVhost,
  type StartedProcess,
  type TestDatabase,
  type TestVhost,
} from '@quarterhour/testkit';
import { commandLine, type Ended } from './command-line.js';

let database: TestDatabase;
let vhost: TestVhost;
let admin: Database;
let worker: StartedProcess;
let folder: string;
let demoId: string;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(async () => {
  [database, vhost] = await Promise.all([testDatabase(), testVhost()]);
  folder = await mkdtemp(path.join(tmpdir(), 'quarterhour-cli-'));
  admin = openDatabase({ url: database.adminUrl, applicationName: 'test', maxConnections: 1 });
  const demo = await anOrganisation(admin, { slug: 'demo', queuePrefix: 'demo' });
  demoId = demo.id;
  await anOrganisation(admin, { slug: 'other', queuePrefix: 'other' });
  const plant = await aPlant(admin, demo, { externalPlantId: 'HPR1' });
  await anAsset(admin, demo, { plantId: plant.id });
  const urls = {
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
    QUARTERHOUR_AMQP_URL: vhost.amqpUrl,
  };
  quarterhour = commandLine({ ...urls, QUARTERHOUR_READ_API_URL: 'http://127.0.0.1:18080/' });
  worker = await startProcess({
    entry: 'apps/ingest-worker/dist/main.js',
    env: { ...urls, QUARTERHOUR_WORKER_HEALTH_PORT: '0', QUARTERHOUR_UNSAFE_TEST_DATABASE: 'yes' },
  });
  await worker.untilLine(/taking deliveries/);
});
afterAll(async () => {
  await worker.kill();
  await admin.close();
  await Promise.all([database.drop(), vhost.drop(), rm(folder, { recursive: true })]);
});

test.each([
  ['telemetry', /^Stored as a realtime sample:$/m, /battery +1250 kW/, '/quarterhour/v1/ingestion/receipts?plant_id='],
  [
    'meter',
    /^Stored as meter readings:$/m,
    /GRID export +48125\.25 kWh/,
    '/quarterhour/v1/ingestion/receipts?plant_id=',
  ],
  [
    'config',
    /^Stored as a trading config event:$/m,
    /kind +constraints/,
    '/quarterhour/v1/trading-config-events?message_id=',
  ],
  ['status', /^Stored as the status of an asset:$/m, /status +ONLINE/, '/asset-api/v1/statuses?asset_ids='],
  ['dispatch', /^Stored as a dispatch:$/m, /target power +1\.25 MW/, '/quarterhour/v1/dispatches/'],
])(
  'an example of %s is confirmed, stored, and shown with the line that fetches it',
  async (kind, title, value, url) => {
    const { status, stdout, stderr } = await quarterhour('publish', '--example', kind);

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Published, and confirmed by the broker/);
    expect(stdout).toMatch(title);
    expect(stdout).toMatch(value);
    expect(stdout).toMatch(
      /curl -s -w '\\n' -H "Authorization: Bearer \$\(npx quarterhour token --organisation demo --role operator\)"/,
    );
    expect(stdout).toContain(`'http://127.0.0.1:18080/`);
    expect(stdout).toContain(url);
  },
);

test('a body of one’s own is followed to the same command, and its second copy is counted', async () => {
  const file = await fileOf(aDispatch());
  const send = ['publish', '--file', file, '--exchange', 'dispatch', '--key', 'dispatch.DE_50HZ_WU_1'];

  expect((await quarterhour(...send)).stdout).toMatch(/^Stored as a dispatch:$[^]*copies +1$/m);
  expect((await quarterhour(...send)).stdout).toMatch(/^Stored as a dispatch:$[^]*copies +2$/m);
});

test('a copy of a sample says that the first one stands', async () => {
  const file = await fileOf(aRealtimeEnvelope({ siteId: 'HPR1' }));
  const send = ['publish', '--file', file, '--exchange', 'vcp', '--key', 'demo.telemetry.realtime'];

  expect((await quarterhour(...send)).stdout).toMatch(/^Stored as a realtime sample:$/m);
  expect((await quarterhour(...send)).stdout).toMatch(
    /^Stored as a realtime sample before; this copy changes nothing:$/m,
  );
});

test('a correction becomes the version that stands, and one that is older than that is kept behind it', async () => {
  const now = Date.now();
  const sent = async (messageId: string, kwh: number, publishedMillis: number) => {
    const readingAt = new Date(Math.floor(now / 60_000) * 60_000 - 120_000).toISOString();
    const envelope = aMeterEnvelope({
      siteId: 'HPR1',
      messageId,
      timestamp: new Date(publishedMillis).toISOString(),
      payload: { readingAt, meters: [{ deviceId: 'GRID', role: 'GRID', importRegisterKwh: kwh }] },
    });
    const file = await fileOf(envelope);
    return (await quarterhour('publish', '--file', file, '--exchange', 'vcp', '--key', 'demo.telemetry.meter')).stdout;
  };

  expect(await sent('first', 1, now - 2_000)).toMatch(/^Stored as meter readings:$/m);
  expect(await sent('second', 2, now)).toMatch(/^Stored as a correction of meter readings:$[^]*GRID import +2 kWh/m);
  expect(await sent('between', 3, now - 1_000)).toMatch(
    /^Kept as an earlier version of meter readings, a later one stands:$[^]*message id +between/m,
  );
});

test('an event of a control plane is followed too, and its second copy is counted', async () => {
  const file = await fileOf(aTradingChange({ organisation_id: demoId }));
  const send = ['publish', '--file', file, '--exchange', 'trading', '--key', 'trading.config.paused'];

  expect((await quarterhour(...send)).stdout).toMatch(
    /^Stored as a trading config event:$[^]*kind +paused[^]*copies +1$/m,
  );
  expect((await quarterhour(...send)).stdout).toMatch(/copies +2$/m);
});

test('what cannot be understood is followed into quarantine, listed and shown without its control characters', async () => {
  const body = '{"siteId":"HPR1","note":"\u001b[2J\u009b31m","version":"9"}';
  const file = await fileOf(body);

  const published = await quarterhour(
    'publish',
    '--file',
    file,
    '--exchange',
    'vcp',
    '--key',
    'demo.telemetry.realtime',
  );
  expect(published).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Set aside in quarantine:$/m) });
  const id = /^ +id +([0-9a-f-]{36})$/m.exec(published.stdout)?.[1] ?? 'none';

  const listed = await quarterhour('quarantine', 'list', '--organisation', 'demo');
  expect(listed.stdout).toMatch(new RegExp(`demo +plant-telemetry +\\S+ .*${id}$`, 'm'));
  expect((await quarterhour('quarantine', 'list', '--organisation', 'other')).stdout).not.toContain(id);

  const shown = await quarterhour('quarantine', 'show', id);
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toContain('"note":"\\u001b[2J\\u009b31m"');
  expect(shown.stdout).not.toMatch(/[\u001b\u009b]/);

  const json: unknown = JSON.parse((await quarterhour('quarantine', 'show', id, '--json')).stdout);
  expect(json).toMatchObject({ id, organisation: 'demo', bodyBase64: Buffer.from(body).toString('base64') });
});

test('what nobody owns is found too, with the role that may see it', async () => {
  const file = await fileOf('{}');

  const { stdout } = await quarterhour(
    'publish',
    '--file',
    file,
    '--exchange',
    'fleet',
    '--key',
    'telemetry.realtime.x',
  );

  expect(stdout).toMatch(/^Set aside in quarantine:$/m);
  expect(stdout).toContain('npx quarterhour token --role admin)');
});

test('a message that no queue is bound for is an error', async () => {
  const file = await fileOf('{}');

  const { status, stderr } = await quarterhour(
    'publish',
    '--file',
    file,
    '--exchange',
    'vcp',
    '--key',
    'nobody.telemetry',
  );

  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^error: no queue is bound/) });
});

test('an id that is not in quarantine is an error', async () => {
  const { status, stderr } = await quarterhour('quarantine', 'show', '01980d5e-7a60-7c3e-9d11-1f0a52f2b6d4');

  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^error: nothing in quarantine/) });
});

async function fileOf(body: unknown): Promise<string> {
  const file = path.join(folder, 'body.json');
  await writeFile(file, typeof body === 'string' ? body : JSON.stringify(body));
  return file;
}
