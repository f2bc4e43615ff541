import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testDatabase, testServers, type TestDatabase } from '@quarterhour/testkit';
import { Client } from 'pg';
import { commandLine } from './command-line.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

function roleUrls(): Record<string, string> {
  return {
    QUARTERHOUR_INGEST_DATABASE_URL: database.ingestUrl,
    QUARTERHOUR_READ_DATABASE_URL: database.readUrl,
    QUARTERHOUR_CONTROL_DATABASE_URL: database.controlUrl,
    QUARTERHOUR_USAGE_DATABASE_URL: database.usageUrl,
  };
}

test('migrating a database that is up to date changes nothing and says so', async () => {
  const quarterhour = commandLine({ QUARTERHOUR_DATABASE_URL: database.adminUrl, ...roleUrls() });

  const { status, stdout, stderr } = await quarterhour('migrate');

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/nothing to apply; roles unchanged$/);
});

test('a database with tables of somebody else is refused', async () => {
  await asAdmin('drop schema ops cascade; drop schema app cascade; create table public.theirs ()');
  const quarterhour = commandLine({ QUARTERHOUR_DATABASE_URL: database.adminUrl, ...roleUrls() });

  const { status, stderr } = await quarterhour('migrate');

  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^error: .*not ours: public\.theirs/),
  });
});

test('a user who may not make the roles gets the SQL for somebody who may, without passwords', async () => {
  const name = `quarterhour_test_${randomBytes(4).toString('hex')}`;
  await asAdmin(`create role ${name} login password 'x' nosuperuser nocreaterole; drop table if exists public.theirs`);
  const url = new URL(database.adminUrl);
  url.username = name;
  url.password = 'x';
  const read = new URL(database.readUrl);
  read.password = 'another-password';
  const quarterhour = commandLine({
    QUARTERHOUR_DATABASE_URL: url.href,
    ...roleUrls(),
    QUARTERHOUR_READ_DATABASE_URL: read.href,
  });

  const { status, stdout, stderr } = await quarterhour('migrate');
  await asAdmin(`drop role ${name}`);

  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^error: .*may not create the roles/),
  });
  expect(stdout).toMatch(/^(create|alter) role quarterhour_read login password 'SCRAM-SHA-256/m);
  expect(stdout).not.toContain('another-password');
  expect(stdout).not.toContain(testServers().rolePassword);
});

async function asAdmin(sql: string): Promise<void> {
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
