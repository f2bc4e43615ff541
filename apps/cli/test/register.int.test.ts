import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, testVhost, type TestDatabase, type TestVhost } from '@quarterhour/testkit';
import { commandLine, type Ended } from './command-line.js';

let database: TestDatabase;
let vhost: TestVhost;
let quarterhour: (...args: string[]) => Promise<Ended>;

beforeAll(async () => {
  [database, vhost] = await Promise.all([testDatabase(), testVhost()]);
  quarterhour = commandLine({
    QUARTERHOUR_DATABASE_URL: database.adminUrl,
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
    QUARTERHOUR_AMQP_URL: vhost.amqpUrl,
  });
});
afterAll(() => Promise.all([database.drop(), vhost.drop()]));

describe('the register', () => {
  test('takes an organisation, its plant and its assets, and lists them', async () => {
    const organisation = await quarterhour('organisation', 'add', 'windhof', '--name', 'Windhof eG');
    expect(organisation).toMatchObject({ status: 0, stderr: '' });
    expect(organisation.stdout).toContain('queue vcp.windhof.telemetry');
    expect(await vhost.api.getQueue(vhost.name, 'vcp.windhof.telemetry')).toMatchObject({ type: 'quorum' });

    const plant = await quarterhour(
      'plant',
      'add',
      'WH-1',
      '--organisation',
      'windhof',
      '--time-zone',
      'Europe/Warsaw',
    );
    expect(plant).toMatchObject({ status: 0, stdout: expect.stringMatching(/^plant WH-1 [0-9a-f-]{36}$/) });

    const asset = ['asset', 'add', 'wh', '--organisation', 'windhof', '--delivery-area', 'PSE', '--type', 'BESS'];
    const described = [...asset, '--provider', 'ASSET_SIMULATOR', '--plant', 'WH-1'];
    expect(await quarterhour(...described)).toMatchObject({ status: 0, stdout: 'asset PL_PSE_WH_1' });
    expect(await quarterhour(...described)).toMatchObject({ status: 0, stdout: 'asset PL_PSE_WH_2' });

    expect((await quarterhour('organisation', 'list')).stdout).toMatch(
      /^windhof +Windhof eG +windhof +Europe\/Berlin/m,
    );
    expect((await quarterhour('plant', 'list')).stdout).toMatch(
      /^windhof +WH-1 +WH-1 +Europe\/Warsaw +Europe\/Berlin/m,
    );
    expect((await quarterhour('asset', 'list')).stdout).toMatch(/^PL_PSE_WH_2 +windhof +BESS +PSE +DRAFT +WH-1/m);
    const listed: unknown = JSON.parse(
      (await quarterhour('asset', 'list', '--organisation', 'windhof', '--json')).stdout,
    );
    expect(listed).toMatchObject([{ id: 'PL_PSE_WH_1', region: 'PL' }, { id: 'PL_PSE_WH_2' }]);
  });

  test('takes an organisation while the broker is away, and says who will declare its queue', async () => {
    const offline = commandLine({
      QUARTERHOUR_DATABASE_URL: database.adminUrl,
      QUARTERHOUR_AMQP_URL: 'amqp://nobody:wrong@127.0.0.1:1/nowhere',
    });

    const { status, stdout, stderr } = await offline('organisation', 'add', 'early');

    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^organisation early [0-9a-f-]{36}$/),
    });
    expect(stderr).toMatch(/the ingest worker declares its queue/);
    expect(stderr).not.toContain('wrong');
  });

  test('refuses what is taken or unknown in one line, with status 1', async () => {
    await quarterhour('organisation', 'add', 'taken', '--no-queue-prefix');

    const refusals = await Promise.all([
      quarterhour('organisation', 'add', 'taken'),
      quarterhour('plant', 'add', 'P', '--organisation', 'nobody'),
      quarterhour('plant', 'list', '--organisation', 'nobody'),
    ]);

    for (const { status, stdout, stderr } of refusals) {
      expect({ status, stdout, lines: stderr.split('\n') }).toEqual({
        status: 1,
        stdout: '',
        lines: [expect.stringMatching(/^error: .*(taken|no organisation nobody)/)],
      });
    }
  });

  test('refuses values that could not be right with status 2, before it asks the database', async () => {
    const offline = commandLine({});

    const refusals = await Promise.all([
      offline('organisation', 'add', "robert'); drop table students;--"),
      offline('organisation', 'add', 'x', '--queue-prefix', '#'),
      offline('plant', 'add', 'P', '--organisation', 'windhof', '--time-zone', 'Berlin'),
      offline('asset', 'add', 'W/HOE#1', '--organisation', 'windhof'),
      offline('asset', 'add', 'WH', '--organisation', 'windhof', '--delivery-area', 'RWE'),
      offline('organisation'),
      offline('organise'),
    ]);

    expect(refusals.map(({ status, stdout }) => ({ status, stdout }))).toEqual(
      refusals.map(() => ({ status: 2, stdout: '' })),
    );
  });

  test('says whose login is refused and where, and never the password', async () => {
    const url = new URL(database.ingestUrl);
    url.password = 'not-this-one';
    const locked = commandLine({ QUARTERHOUR_INGEST_DATABASE_URL: url.href });

    const { status, stderr } = await locked('organisation', 'list', '--verbose');

    expect(status).toBe(1);
    expect(stderr).toContain(`refuses the login at ${url.host}/${database.name} as quarterhour_ingest`);
    expect(stderr).not.toContain('not-this-one');
  });
});

describe('partitions', () => {
  test('are made for the days asked for, and listed', async () => {
    const today = new Date().toISOString().slice(0, 10);

    const ensured = await quarterhour('partitions', 'ensure', '--from', today, '--to', today);

    expect(ensured).toMatchObject({ status: 0, stdout: `plant-telemetry has partitions from ${today} to ${today}` });
    const { stdout } = await quarterhour('partitions', 'list');
    expect(stdout).toMatch(new RegExp(`^plant-telemetry +${today} +telemetry_meter +\\d+ kB$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^plant-telemetry +${today} +telemetry_realtime +\\d+ kB$`, 'm'));
  });

  test('of days that telemetry is not kept for are refused', async () => {
    const { status, stderr } = await quarterhour('partitions', 'ensure', '--from', '2001-01-01', '--to', '2001-01-02');

    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^error: .*outside the stream's window/),
    });
  });
});
