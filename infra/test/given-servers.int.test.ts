import { afterAll, describe, expect, test } from '@jest/globals';
import { migrate } from '@quarterhour/db';
import { testDatabase, testServers, testVhost } from '@quarterhour/testkit';
import { readStackEnvironment } from '../src/environment.js';
import { givenPostgres, givenRabbitmq, vhostOf } from '../src/stack/given-servers.js';
import { createDatabase, dropDatabase, onServer } from '../src/stack/index.js';

const closings: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closings.toReversed()) await close();
});

describe('a Postgres that is given', () => {
  test('is taken when its database is ours', async () => {
    const database = await testDatabase();
    closings.push(() => database.drop());
    expect(await givenPostgres(database.adminUrl, 'demo')).toMatchObject({
      adminUrl: database.adminUrl,
      version: expect.stringMatching(/^\d+/),
    });
  });

  test('is refused when the database holds tables of somebody else', async () => {
    const url = await newDatabase('quarterhour_test_foreign');
    await onServer(url, 'create table public.invoices ()');
    await expect(givenPostgres(url, 'demo')).rejects.toThrow(
      /not ours: public\.invoices\. Name a database that is empty/,
    );
  });

  test('is refused to tests when another database of the server belongs to an installation', async () => {
    const installation = await newDatabase('another_installation');
    const { rolePassword: word } = testServers();
    await migrate(installation, { rolePasswords: { ingest: word, read: word, control: word, usage: word } });
    const url = await newDatabase('quarterhour_test_empty');
    await expect(givenPostgres(url, 'test')).rejects.toThrow(
      'installation of Quarterhour (database another_installation',
    );
    expect(await givenPostgres(url, 'demo')).toMatchObject({ adminUrl: url });
  });

  test('that does not let us in is an error without the password', async () => {
    const url = new URL(testServers().adminDatabaseUrl);
    url.password = 'not-the-password';
    const refused = givenPostgres(url.href, 'demo');
    await expect(refused).rejects.toThrow('QUARTERHOUR_DATABASE_URL: no login');
    await expect(refused).rejects.not.toThrow('not-the-password');
  });
});

describe('a RabbitMQ that is given', () => {
  test('gets our topology in its virtual host', async () => {
    const vhost = await testVhost();
    closings.push(() => vhost.drop());
    await vhost.api.deleteQueue(vhost.name, 'ingest.dispatch');
    const env = readStackEnvironment({ QUARTERHOUR_RABBITMQ_API_URL: vhost.apiUrl });
    expect(await givenRabbitmq(env, vhost.amqpUrl)).toMatchObject({ amqpUrl: vhost.amqpUrl, apiUrl: vhost.apiUrl });
    expect(await vhost.api.getQueue(vhost.name, 'ingest.dispatch')).toMatchObject({ type: 'quorum' });
  });

  test('is refused when its virtual host holds a queue of somebody else', async () => {
    const vhost = await testVhost();
    closings.push(() => vhost.drop());
    const queue = { name: 'invoices', durable: true, auto_delete: false, arguments: {} };
    await vhost.api.importDefinitions(vhost.name, { queues: [queue] });
    const env = readStackEnvironment({ QUARTERHOUR_RABBITMQ_API_URL: vhost.apiUrl });
    await expect(givenRabbitmq(env, vhost.amqpUrl)).rejects.toThrow('holds invoices, which is not ours');
  });

  test.each([
    'amqp://guest:guest@127.0.0.1:1',
    'amqp://guest:guest@127.0.0.1:1/',
    'amqp://guest:guest@127.0.0.1:1/%2F',
  ])('is refused before it is contacted when %s names the virtual host /', async (url) => {
    expect(vhostOf(url)).toBe('/');
    await expect(givenRabbitmq(readStackEnvironment({}), url)).rejects.toThrow('the virtual host / is');
  });
});

async function newDatabase(prefix: string): Promise<string> {
  const { adminDatabaseUrl } = testServers();
  const name = `${prefix}_${Math.random().toString(36).slice(2)}`;
  closings.push(() => dropDatabase(adminDatabaseUrl, name));
  return createDatabase(adminDatabaseUrl, name);
}
