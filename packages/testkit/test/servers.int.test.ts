import { afterAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { testDatabase, testVhost } from '../src/index.js';

const closings: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closings.toReversed()) await close();
});

describe('the database of a test file', () => {
  test('is its own: what one writes, another does not see', async () => {
    const [first, second] = await Promise.all([connected(), connected()]);
    await first.query('create table public.mine ()');
    const { rows } = await second.query("select to_regclass('public.mine') as mine");
    expect(rows).toEqual([{ mine: null }]);
  });

  test('is gone after drop, even while somebody is connected', async () => {
    const database = await testDatabase();
    const client = new pg.Client(database.adminUrl);
    client.on('error', () => undefined);
    await client.connect();
    await database.drop();
    await expect(new pg.Client(database.adminUrl).connect()).rejects.toMatchObject({ code: '3D000' });
  });
});

describe('the virtual host of a test file', () => {
  test('has the queues of an installation, of its own', async () => {
    const vhost = await testVhost();
    closings.push(() => vhost.drop());
    expect(await queueNames(vhost)).toEqual(
      expect.arrayContaining(['ingest.dispatch', 'ingest.fleet.telemetry', 'ingest.dead']),
    );
  });

  test('is gone after drop', async () => {
    const vhost = await testVhost();
    await vhost.drop();
    await expect(queueNames(vhost)).rejects.toThrow('404');
  });
});

async function connected(): Promise<pg.Client> {
  const database = await testDatabase();
  closings.push(() => database.drop());
  const client = new pg.Client(database.adminUrl);
  await client.connect();
  closings.push(() => client.end());
  return client;
}

async function queueNames({ apiUrl, name }: { apiUrl: string; name: string }): Promise<string[]> {
  const { origin, username, password } = new URL(apiUrl);
  const answer = await fetch(`${origin}/api/queues/${name}`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
  });
  if (!answer.ok) throw new Error(String(answer.status));
  const queues: unknown = await answer.json();
  return Array.isArray(queues) ? queues.map((queue: { name: string }) => queue.name) : [];
}
