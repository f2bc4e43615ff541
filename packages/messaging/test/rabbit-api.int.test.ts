import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import { eventually } from '@quarterhour/testkit';
import { rabbitApi } from '../src/index.js';
import { aQueue, aSetting } from './setting.js';

let setting: Awaited<ReturnType<typeof aSetting>>;
beforeAll(async () => {
  setting = await aSetting();
}, 60_000);
afterAll(() => setting.end());

describe("the broker's HTTP API", () => {
  test('tells its version', async () => {
    expect((await setting.api.overview()).version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('makes and removes virtual hosts and users whose names need escaping, twice without complaint', async () => {
    const { api, vhost } = setting;
    const [host, user] = [`${vhost.name}/a b?`, `${vhost.name}/user`];
    await api.putVhost(host);
    await api.putVhost(host);
    await api.putUser(user, 'pass/word');
    await api.putPermissions(host, user, { configure: '^$', write: '.*', read: '^mine\\.' });
    expect(await api.listQueues(host)).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      await api.deleteUser(user);
      await api.deleteVhost(host);
    }
    await expect(api.listQueues(host)).rejects.toMatchObject({ code: 'BROKER_API', status: 404 });
  });

  test('puts a policy that can be read back and removed', async () => {
    const { api, vhost } = setting;
    const policy = {
      name: 'small',
      pattern: '^small\\.',
      applyTo: 'queues' as const,
      priority: 3,
      definition: { 'max-length': 5, overflow: 'reject-publish' },
    };
    await api.putPolicy(vhost.name, policy);
    expect((await api.exportDefinitions(vhost.name)).policies).toContainEqual(policy);
    await api.deletePolicy(vhost.name, 'small');
    expect((await api.exportDefinitions(vhost.name)).policies).not.toContainEqual(policy);
  });

  test('tells how a queue stands, and null of one that is not there', async () => {
    const { broker } = await setting.open();
    const { queue, topology } = aQueue();
    await broker.declare(topology);
    await eventually(async () =>
      expect(await setting.api.getQueue(setting.vhost.name, queue)).toEqual({
        name: queue,
        type: 'quorum',
        state: 'running',
        messages: 0,
        messagesReady: 0,
        messagesUnsettled: 0,
        consumers: 0,
      }),
    );
    expect((await setting.api.listQueues(setting.vhost.name)).map(({ name }) => name)).toContain(queue);
    await setting.api.deleteQueue(setting.vhost.name, queue);
    expect(await setting.api.getQueue(setting.vhost.name, queue)).toBeNull();
    await setting.afterTest();
  });
});

describe('a call that fails', () => {
  test('brings status and body, and no credentials', async () => {
    const stranger = rabbitApi({ url: setting.vhost.apiUrl, user: 'stranger', password: 'hunter2' });
    await expect(stranger.overview()).rejects.toMatchObject({
      name: 'BrokerApiError',
      status: 401,
      body: expect.stringContaining('not_authori'),
      message: expect.not.stringContaining('hunter2'),
    });
  });

  test('ends when nobody answers in time', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const api = rabbitApi({ url: `http://u:hunter2@127.0.0.1:${port ?? 0}`, timeoutMs: 50 });
    await expect(api.overview()).rejects.toMatchObject({ status: null, cause: { name: 'TimeoutError' } });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('of a URL that is none does not quote it', () => {
    expect(() => rabbitApi({ url: 'u:hunter2@host nowhere' })).toThrow(
      expect.objectContaining({ code: 'BROKER_URL', message: expect.not.stringContaining('hunter2') }),
    );
  });
});
