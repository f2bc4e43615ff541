import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import { PARTNER_POLICIES, partnerVhostTopology, QUORUM } from '@quarterhour/contracts';
import { eventually } from '@quarterhour/testkit';
import { rabbitApi } from '../src/index.js';
import { aMessage, aQueue, aSetting } from './setting.js';

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

  test('declares a topology with its policies, twice without complaint, and takes one binding away', async () => {
    const { api, vhost } = setting;
    const topology = partnerVhostTopology('declared');
    for (let time = 0; time < 2; time += 1) await api.declare(vhost.name, topology, PARTNER_POLICIES);
    const [gone, ...kept] = topology.bindings;
    if (gone === undefined) throw new Error('the topology has bindings');
    for (let time = 0; time < 2; time += 1) await api.deleteBinding(vhost.name, gone);

    const { queues, bindings, policies } = await api.exportDefinitions(vhost.name);
    for (const { name } of topology.queues) expect(queues).toContainEqual({ name, arguments: QUORUM });
    expect(bindings).toEqual(expect.arrayContaining(kept));
    expect(bindings).not.toContainEqual(gone);
    expect(policies).toEqual(expect.arrayContaining([...PARTNER_POLICIES]));
  });

  test('limits a virtual host', async () => {
    const { api, vhost } = setting;
    const name = `${vhost.name}-limited`;
    await api.putVhost(name);
    try {
      await api.putVhostLimits(name, { 'max-queues': 1, 'max-connections': 5 });
      expect(await api.listVhosts()).toContain(name);
      await expect(api.declare(name, partnerVhostTopology('acme'))).rejects.toMatchObject({ code: 'BROKER_API' });
    } finally {
      await api.deleteVhost(name);
    }
  });

  test('tells whose a connection is', async () => {
    await setting.open();
    const user = decodeURIComponent(new URL(setting.vhost.amqpUrl).username);
    await eventually(async () =>
      expect(await setting.api.listConnections(setting.vhost.name)).toContainEqual(
        expect.objectContaining({ user, vhost: setting.vhost.name }),
      ),
    );
    await setting.afterTest();
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
        arguments: QUORUM,
        publishRate: 0,
        deliverRate: 0,
        dropped: 0,
      }),
    );
    expect((await setting.api.listQueues(setting.vhost.name)).map(({ name }) => name)).toContain(queue);
    await setting.api.deleteQueue(setting.vhost.name, queue);
    expect(await setting.api.getQueue(setting.vhost.name, queue)).toBeNull();
    await setting.afterTest();
  });
});

test('tells how many messages a full queue has dropped, the oldest first', async () => {
  const { broker } = await setting.open();
  const { queue, exchange, topology } = aQueue();
  const [kilobyte, limit] = [1_000, 20_000];
  await setting.api.putPolicy(setting.vhost.name, {
    name: 'small',
    pattern: `^${queue.replaceAll('.', '\\.')}$`,
    applyTo: 'queues',
    priority: 1,
    definition: { overflow: 'drop-head', 'max-length-bytes': limit },
  });
  await broker.declare(topology);
  const publisher = broker.publisher();
  for (let n = 0; n < 100; n += 1) await publisher.publish(aMessage(exchange, 'x'.repeat(kilobyte)));
  await eventually(
    async () => {
      const found = await setting.api.getQueue(setting.vhost.name, queue);
      expect(found?.messages).toBe(limit / kilobyte);
      expect(found?.dropped).toBe(100 - limit / kilobyte);
    },
    { withinMs: 20_000 },
  );
  await setting.api.deletePolicy(setting.vhost.name, 'small');
  await setting.afterTest();
}, 40_000);

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
