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

const tradingOf = (slug: string) =>
  database.admin.read([], (trx) =>
    trx.query({
      text: `select c.state, c.wanted_version::text as wanted, a.action
               from app.organisation o join app.trading_config c on c.org_id = o.id left join app.audit a on a.org_id = o.id
              where o.slug = $1`,
      values: [slug],
    }),
  );

describe('the register', () => {
  test('takes an organisation, its plant and its assets, and lists them', async () => {
    const organisation = await quarterhour('organisation', 'add', 'windhof', '--name', 'Windhof eG');
    expect(organisation).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^organisation windhof [0-9a-f-]{36}$/),
      stderr: expect.stringContaining('quarterhour organisation enable windhof'),
    });

    const plant = await quarterhour(
      'plant',
      'add',
      'WH-1',
      '--organisation',
      'windhof',
      '--time-zone',
      'Europe/Warsaw',
      '--ean-cons',
      '859182400100000001',
    );
    expect(plant).toMatchObject({ status: 0, stdout: expect.stringMatching(/^plant WH-1 [0-9a-f-]{36}$/) });

    const sameEan = ['plant', 'add', 'WH-2', '--organisation', 'windhof', '--ean-prod', '859182400100000001'];
    expect(await quarterhour(...sameEan)).toMatchObject({ status: 0 });
    const taken = await quarterhour('plant', 'add', 'WH-3', ...sameEan.slice(3));
    expect(taken).toMatchObject({ status: 1, stderr: expect.stringContaining('an EAN is taken') });

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

  test('enables an organisation: its queues are declared, and who did it is on record', async () => {
    await quarterhour('organisation', 'add', 'opening');
    expect(await vhost.api.getQueue(vhost.name, 'vcp.opening.telemetry')).toBeNull();
    const enabled = await quarterhour('organisation', 'enable', 'opening');
    expect(enabled).toEqual({
      status: 0,
      stdout: 'organisation opening enabled\nqueue vcp.opening.telemetry\nqueue vcp.opening.config',
      stderr: '',
    });
    expect(await vhost.api.getQueue(vhost.name, 'vcp.opening.telemetry')).toMatchObject({ type: 'quorum' });
    expect(await quarterhour('organisation', 'enable', 'opening')).toEqual(enabled);
    expect(await tradingOf('opening')).toEqual([{ state: 'ENABLED', wanted: '1', action: 'trading.enable' }]);
  });

  test('enables nobody whom the trading team paused, nobody who publishes nothing, and nobody unknown', async () => {
    await quarterhour('organisation', 'add', 'paused');
    await quarterhour('organisation', 'enable', 'paused');
    await database.admin.transaction([], (trx) =>
      trx.query({
        text: `update app.trading_config c set state = 'PAUSED' from app.organisation o
                where o.id = c.org_id and o.slug = 'paused'`,
        values: [],
      }),
    );
    await quarterhour('organisation', 'add', 'silent', '--no-queue-prefix');
    for (const [name, why] of [
      ['paused', /is paused.*the trading team/],
      ['silent', /no queue prefix/],
      ['nobody', /no organisation nobody/],
    ] as const) {
      expect(await quarterhour('organisation', 'enable', name)).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringMatching(why),
      });
    }
    expect(await tradingOf('paused')).toMatchObject([{ state: 'PAUSED' }]);
  });

  test('enables an organisation while the broker is away, and says who will declare its queues', async () => {
    const offline = commandLine({
      QUARTERHOUR_DATABASE_URL: database.adminUrl,
      QUARTERHOUR_AMQP_URL: 'amqp://nobody:wrong@127.0.0.1:1/nowhere',
    });

    await offline('organisation', 'add', 'early');
    const { status, stdout, stderr } = await offline('organisation', 'enable', 'early');

    expect({ status, stdout }).toEqual({ status: 0, stdout: 'organisation early enabled' });
    expect(stderr).toMatch(/the ingest worker declares its queues/);
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
      offline('plant', 'add', 'P', '--organisation', 'windhof', '--ean-cons', '12345'),
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
