import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@quarterhour/db';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { eventually, testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { startJobs } from '../src/jobs.js';
import { stillReady } from '../src/readiness.js';

let database: TestDatabase;
let ingest: Database;

beforeAll(async () => {
  database = await testDatabase();
  ingest = openDatabase({ url: database.ingestUrl, applicationName: 'test', maxConnections: 2 });
});

afterAll(async () => {
  await ingest.close();
  await database.drop();
});

const run = (text: string) => database.admin.transaction([], (trx) => trx.query({ text, values: [] }));

test('what is checked at the start is checked again: red and in the log while it is wrong, without stopping', async () => {
  const lines: unknown[] = [];
  const log = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const stopping = new AbortController();
  const { checks, done } = startJobs({ clock: systemClock, log, stopping: stopping.signal }, [
    {
      name: 'ready',
      everyMs: 20,
      afterFailureMs: 10,
      job: () => stillReady({ db: ingest, log }, { acceptVolatile: true }),
      isVital: true,
    },
  ]);
  const look = async () => checks[0]?.check();
  const isOk = async () => (await look())?.ok;
  await eventually(async () => expect(await look()).toMatchObject({ detail: { lastRun: expect.any(String) } }));
  expect(await isOk()).toBe(true);
  await run('alter table app.dispatch drop constraint dispatch_pkey');
  await eventually(async () => expect(await isOk()).toBe(false));
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'error',
      msg: 'the database is not what it was',
      problems: [expect.stringContaining('app.dispatch (org_id, event_id)')],
    }),
  );
  await run('alter table app.dispatch add constraint dispatch_pkey primary key (org_id, event_id)');
  await eventually(async () => expect(await isOk()).toBe(true));
  stopping.abort();
  await done;
});
