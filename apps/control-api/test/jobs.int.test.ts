import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@quarterhour/db';
import { sleep } from '@quarterhour/runtime';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { turn } from '../src/jobs.js';

/** Ends transactions of which nothing is heard for 400 milliseconds. */
const IMPATIENT = '-c idle_in_transaction_session_timeout=400';

let database: TestDatabase;
let locks: Database;
beforeAll(async () => {
  database = await testDatabase();
  const url = new URL(database.controlUrl);
  url.searchParams.set('options', IMPATIENT);
  locks = openDatabase({ url: url.href, applicationName: 'test', maxConnections: 2 });
}, 60_000);
afterAll(async () => {
  await locks.close();
  await database.drop();
});

test('one at a time does a job, and the next as soon as it is over, also when it failed', async () => {
  const first = turn(locks, 'job', () => sleep(100).then(() => 'first'));
  await sleep(50);
  expect(await turn(locks, 'job', () => Promise.resolve('second'))).toBeNull();
  expect(await first).toEqual({ done: 'first' });
  await expect(turn(locks, 'job', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await turn(locks, 'job', () => Promise.resolve('third'))).toEqual({ done: 'third' });
});

test('a job that takes long keeps its lock', async () => {
  const long = turn(locks, 'long', () => sleep(1_500).then(() => 'done'), { beatMs: 100 });
  await sleep(1_200);
  expect(await turn(locks, 'long', () => Promise.resolve('too'))).toBeNull();
  expect(await long).toEqual({ done: 'done' });
});

test('a lock that is lost is told when the job is over', async () => {
  let isDone = false;
  const lost = turn(
    locks,
    'lost',
    async () => {
      await sleep(800);
      isDone = true;
    },
    { beatMs: 10_000 },
  );
  await expect(lost).rejects.toThrow();
  expect(isDone).toBe(true);
});
