import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database, type OrganisationRow } from '@quarterhour/db';
import { listen, type Listener } from '@quarterhour/http';
import { createLogger } from '@quarterhour/runtime';
import { anAsset, anOrganisation, eventually, openTestIssuer, testDatabase } from '@quarterhour/testkit';
import type { TestDatabase, TestIssuer } from '@quarterhour/testkit';
import { readApiOver } from './api.js';
import { fillDispatches } from './facts.js';

const APPLICATION = 'test-exports';
const ROWS = 200_000;
const ROWS_OF_A_PART = 4_000;
/** What the kernel takes for a client that does not read, in bytes, generously. */
const SOCKET_BUFFERS = 8_000_000;

let database: TestDatabase;
let issuer: TestIssuer;
let db: Database;
let ours: OrganisationRow;
let asset: string;
let listener: Listener;
let reads: number;
let failAt: number;
const log: string[] = [];
beforeAll(async () => {
  database = await testDatabase();
  issuer = await openTestIssuer();
  ours = await anOrganisation(database.admin);
  asset = await anAsset(database.admin, ours);
  await fillDispatches(database.admin, ours.id, {
    assetId: asset,
    from: '2026-01-01T00:00:00Z',
    count: ROWS,
    everyMs: 60_000,
  });
  db = openDatabase({ url: database.readUrl, applicationName: APPLICATION, maxConnections: 4 });
  const app = await readApiOver(
    counted(db),
    issuer,
    createLogger({ name: 'test', level: 'error', destination: { write: (line) => log.push(line) } }),
  );
  listener = await listen(app, { host: '127.0.0.1', port: 0, closeBudgetMs: 500 });
}, 120_000);
afterAll(async () => {
  await listener.close();
  await db.close();
  await issuer.close();
  await database.drop();
});
afterEach(() => {
  log.length = 0;
});

/** The database, with its reads counted, one of which may fail. */
function counted(real: Database): Database {
  return {
    ...real,
    read: async (organisations, work) => {
      reads += 1;
      if (reads === failAt) throw Object.assign(new Error('the database is gone'), { code: 'ECONNRESET' });
      return real.read(organisations, work);
    },
  };
}

async function open(search = ''): Promise<IncomingMessage> {
  reads = 0;
  failAt = 0;
  const authorization = `Bearer ${await issuer.token({ orgs: [ours.id], roles: ['operator'] })}`;
  const url = `${listener.url}/asset-api/v1/dispatches?asset_ids=${asset}&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z`;
  return new Promise((resolve, reject) => {
    get(url + search, { headers: { authorization, accept: 'text/csv' }, agent: false }, resolve).once('error', reject);
  });
}

interface Received {
  readonly lines: number;
  readonly isWhole: boolean;
}

async function received(response: IncomingMessage): Promise<Received> {
  let lines = 0;
  try {
    for await (const chunk of response) lines += String(chunk).split('\n').length - 1;
  } catch (error) {
    if (!isNativeError(error) || !('code' in error) || error.code !== 'ECONNRESET') throw error;
  }
  return { lines, isWhole: response.complete };
}

async function untilNothingIsRead(): Promise<void> {
  for (let before = -1; before !== reads;) {
    before = reads;
    await sleep(300);
  }
}

/** What connections of the API are doing: `idle` when they wait in the pool. */
async function states(): Promise<string[]> {
  const found = await database.admin.read([], (trx) =>
    trx.query<{ state: string }>({
      text: 'select state from pg_stat_activity where application_name = $1',
      values: [APPLICATION],
    }),
  );
  return [...new Set(found.map(({ state }) => state))];
}

describe('an export', () => {
  test('comes whole, in parts', async () => {
    const response = await open();
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(await received(response)).toEqual({ lines: ROWS + 1, isWhole: true });
    expect(reads).toBeLessThan(ROWS / ROWS_OF_A_PART + 5);
  }, 30_000);

  test('reads no further than a client does, and holds no connection meanwhile', async () => {
    const response = await open();
    await untilNothingIsRead();
    const bytesOfAPart = ROWS_OF_A_PART * 100;
    expect(reads).toBeLessThan(SOCKET_BUFFERS / bytesOfAPart + 3);
    expect(reads).toBeLessThan(ROWS / ROWS_OF_A_PART / 2);
    expect(await states()).toEqual(['idle']);
    expect((await received(response)).lines).toBe(ROWS + 1);
  }, 30_000);

  test('takes no more memory for a client that does not read', async () => {
    const before = process.memoryUsage().rss;
    const responses = await Promise.all([open(), open()]);
    await untilNothingIsRead();
    expect(process.memoryUsage().rss - before).toBeLessThan(64_000_000);
    for (const response of responses) response.destroy();
  }, 30_000);

  test('takes a place among the heavy reads until it has left', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    const refused = await open();
    refused.destroy();
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
    first.destroy();
    await eventually(async () => {
      const next = await open();
      next.destroy();
      expect(next.statusCode).toBe(200);
    });
    second.destroy();
  }, 30_000);

  test('ends when its client goes away, and nothing is logged about it', async () => {
    const response = await open();
    response.once('data', () => response.destroy());
    await untilNothingIsRead();
    expect(reads).toBeLessThan(ROWS / ROWS_OF_A_PART);
    await eventually(async () => expect(await states()).toEqual(['idle']));
    const after = reads;
    await sleep(500);
    expect(reads).toBe(after);
    expect(log).toEqual([]);
  }, 30_000);

  test('that fails on the way is cut, so that nobody takes it for the whole, and is logged once', async () => {
    const response = await open();
    failAt = 5;
    const { lines, isWhole } = await received(response);
    expect(isWhole).toBe(false);
    expect(lines).toBeLessThan(ROWS);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('the database is gone');
  }, 30_000);

  test('that fails before its first line is refused as anything else', async () => {
    const asking = open();
    await Promise.resolve();
    failAt = 1;
    const response = await asking;
    expect([response.statusCode, response.headers['content-type']]).toEqual([503, 'application/json; charset=utf-8']);
    response.resume();
  });

  test('is cut when the server stops before it is through', async () => {
    const slow = await listen(await readApiOver(counted(db), issuer), {
      host: '127.0.0.1',
      port: 0,
      closeBudgetMs: 200,
    });
    const stopped = listener;
    listener = slow;
    const response = await open();
    listener = stopped;
    await untilNothingIsRead();
    await slow.close();
    expect((await received(response)).isWhole).toBe(false);
  }, 30_000);
});
