import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { partnerQueues } from '@quarterhour/contracts';
import { revokeApiKey } from '@quarterhour/db';
import type { OrganisationRow } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { anOrganisation, eventually, partnerConnection, setTradingState, testServers } from '@quarterhour/testkit';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { connect as connectTo } from 'amqplib';
import { attempt, openPartnerHouse, publishing, taken } from './partners.js';
import type { PartnerHouse, TestKey } from './partners.js';

/** How long the broker goes by what it was told. */
const CACHED_MS = 5_000;

let house: PartnerHouse;
let organisations: { acme: OrganisationRow; beta: OrganisationRow };
let acme: TestKey;
let acmeToo: TestKey;
/** Its name and its prefix begin with those of the other. */
let beta: TestKey;
beforeAll(async () => {
  house = await openPartnerHouse();
  const { admin } = house.database;
  const one = await anOrganisation(admin);
  const other = await anOrganisation(admin, { slug: `${one.slug}-b`, queuePrefix: `${one.slug}-b` });
  organisations = { acme: one, beta: other };
  acme = await house.aKey(one);
  acmeToo = await house.aKey(one);
  beta = await house.aKey(other);
}, 60_000);
afterEach(() => house.afterTest());
afterAll(() => house.close());

describe('the holder of a key', () => {
  test('connects over TLS, publishes, and reads what it is sent', async () => {
    const connection = await house.connect(acme);
    expect(await attempt(connection, publishing(`${acme.prefix}.telemetry.realtime.site`))).toBe('allowed');

    const ours = await house.ours(acme);
    ours.publish('vcp', `${acme.prefix}.event.telemetry.realtime.site`, Buffer.from('news'));
    const channel = await connection.createChannel();
    const queue = `vcp.${acme.prefix}.event.telemetry`;
    await eventually(async () => expect((await taken(channel, queue))?.content.toString()).toBe('news'));
  });

  test.each([
    ['another password', { password: 'vcp_live_nobody' }],
    ['the name of another organisation', () => ({ username: beta.slug })],
    ['the virtual host of another organisation', () => ({ vhost: beta.vhost })],
    ['the virtual host of another key of its own', () => ({ vhost: acmeToo.vhost })],
    ['our virtual host', { vhost: 'quarterhour' }],
    ['the default virtual host', { vhost: '/' }],
    ['a virtual host that is not there', { vhost: 'partner-00000000-0000-4000-8000-000000000000' }],
    ['the name of our own user', () => ({ username: decodeURIComponent(new URL(testServers().amqpUrl).username) })],
    ['an empty password', { password: '' }],
    ['a name that no organisation can have', { username: "acme'; --\0" }],
  ])('is not let in with %s', async (_case, different) => {
    const options = typeof different === 'function' ? different() : different;
    await expect(house.connect(acme, options)).rejects.toThrow();
  });

  test('whose organisation is named like our own user is a partner like any other', async () => {
    const slug = decodeURIComponent(new URL(testServers().amqpUrl).username);
    const key = await house.aKey(await anOrganisation(house.database.admin, { slug }));
    const connection = await house.connect(key);
    expect(await attempt(connection, (channel) => channel.assertQueue('mine'))).toBe('ACCESS_REFUSED');
    for (const vhost of ['quarterhour', acme.vhost]) await expect(house.connect(key, { vhost })).rejects.toThrow();
  });

  test('is let in neither without knowing the authority nor without TLS', async () => {
    await expect(house.connect(acme, { ca: null })).rejects.toThrow(/certificate/);
    const { host, port } = await partnerConnection();
    const plain = { protocol: 'amqp', hostname: host, port, username: acme.slug, password: acme.key };
    await expect(connectTo({ ...plain, vhost: acme.vhost })).rejects.toThrow();
  });

  test('is not told by the management API', async () => {
    const url = new URL(testServers().rabbitmqApiUrl);
    const authorization = `Basic ${Buffer.from(`${acme.slug}:${acme.key}`).toString('base64')}`;
    for (const path of ['whoami', 'queues', 'connections', `vhosts/${acme.vhost}`]) {
      const { status } = await fetch(`http://${url.host}/api/${path}`, { headers: { authorization } });
      expect([path, status]).toEqual([path, 401]);
    }
  });
});

describe('in its own virtual host', () => {
  type Deed = (key: TestKey) => (channel: ConfirmChannel) => unknown;
  const own = (rest: string) => `vcp.${acme.prefix}.${rest}`;
  const refused: readonly (readonly [string, Deed])[] = [
    ['publish what we send', ({ prefix }) => publishing(`${prefix}.event.telemetry.realtime.site`)],
    ['publish an acknowledgement', ({ prefix }) => publishing(`${prefix}.event.command.ack`)],
    ['publish under the prefix of another', () => publishing(`${beta.prefix}.telemetry.realtime.site`)],
    ['publish under a wildcard', ({ prefix }) => publishing(`${prefix}.telemetry.#`)],
    ['publish under a key of 255 bytes', ({ prefix }) => publishing(`${prefix}.config.a.`.padEnd(255, 'x'))],
    ['publish straight to a queue', () => publishing(own('command'), { exchange: '' })],
    ['publish to another exchange', () => publishing('x', { exchange: 'amq.topic' })],
    [
      'publish among the dead letters',
      ({ prefix }) => publishing(`${prefix}.telemetry.x`, { exchange: 'ingest.dead' }),
    ],
    ['read what it publishes', () => (channel) => channel.get(own('telemetry'))],
    ['consume what it publishes', () => (channel) => channel.consume(own('command'), () => undefined)],
    ['read the dead letters', () => (channel) => channel.get('ingest.dead')],
    ['purge what it publishes', () => (channel) => channel.purgeQueue(own('command'))],
    ['declare a queue', () => (channel) => channel.assertQueue(own('mine'))],
    ['declare a queue of another', () => (channel) => channel.assertQueue(`vcp.${beta.prefix}.command`)],
    ['declare a queue without a name', () => (channel) => channel.assertQueue('', { exclusive: true })],
    ['declare its own queue otherwise', () => (channel) => channel.assertQueue(own('command'), { maxLength: 1 })],
    ['delete a queue', () => (channel) => channel.deleteQueue(own('telemetry'))],
    [
      'bind',
      ({ prefix }) =>
        (channel) =>
          channel.bindQueue(own('event.alarm'), 'vcp', `${prefix}.#`),
    ],
    [
      'unbind',
      ({ prefix }) =>
        (channel) =>
          channel.unbindQueue(own('telemetry'), 'vcp', `${prefix}.telemetry.#`),
    ],
    ['bind exchanges', () => (channel) => channel.bindExchange('vcp', 'vcp', '#')],
    ['declare an exchange', () => (channel) => channel.assertExchange('mine', 'topic')],
    ['delete an exchange', () => (channel) => channel.deleteExchange('vcp')],
  ];

  test.each(refused)('a partner may not %s', async (_case, deed) => {
    expect(await attempt(await house.connect(acme), deed(acme))).toBe('ACCESS_REFUSED');
  });

  test('a partner learns nothing of the queues of another', async () => {
    const connection = await house.connect(acme);
    for (const { name } of partnerQueues(beta.prefix)) {
      expect(await attempt(connection, (channel) => channel.checkQueue(name))).toBe('NOT_FOUND');
    }
    expect(await attempt(connection, (channel) => channel.checkQueue(`vcp.nobody.command`))).toBe('NOT_FOUND');
    expect(await attempt(connection, (channel) => channel.checkQueue(own('command')))).toBe('allowed');
  });

  test('what another publishes, and what it is sent, is neither seen nor disturbed', async () => {
    const [mine, others] = [await house.connect(acme), await house.connect(beta)];
    expect(await attempt(others, publishing(`${beta.prefix}.telemetry.realtime.site`))).toBe('allowed');
    const ours = await house.ours(beta);
    ours.publish('vcp', `${beta.prefix}.event.alarm`, Buffer.from('alarm'));
    expect(await attempt(mine, (channel) => channel.get(`vcp.${beta.prefix}.event.alarm`))).not.toBe('allowed');
    await eventually(async () =>
      expect((await taken(ours, `vcp.${beta.prefix}.event.alarm`))?.content.toString()).toBe('alarm'),
    );
  });

  test('a copy that a sender addresses elsewhere says by which key it was let through', async () => {
    const key = await house.aKey(organisations.acme, { scopes: ['vcp:connect'] });
    const judged = `${key.prefix}.telemetry.realtime.site`;
    const connection = await house.connect(key);
    for (const header of ['CC', 'BCC']) {
      const options = { [header]: [`${key.prefix}.command.device`, `${beta.prefix}.command.device`] };
      await attempt(connection, publishing(judged, { options }));
    }
    const ours = await house.ours(key);
    await eventually(async () => expect(await taken(ours, `vcp.${key.prefix}.telemetry`)).not.toBeNull());
    for (;;) {
      const copy = await taken(ours, `vcp.${key.prefix}.command`);
      if (copy === null) break;
      expect(copy.fields.routingKey).toBe(judged);
    }
  });

  test('a scope that a key does not have is not lent by another key', async () => {
    const narrow = await house.aKey(organisations.acme, { scopes: ['vcp:connect', 'vcp:write:mode'] });
    const connection = await house.connect(narrow);
    expect(await attempt(connection, publishing(`${acme.prefix}.command.mode`))).toBe('allowed');
    expect(await attempt(connection, publishing(`${acme.prefix}.command.site-setpoint`))).toBe('ACCESS_REFUSED');
    expect(await attempt(connection, publishing(`${acme.prefix}.config.constraints`))).toBe('ACCESS_REFUSED');
  });

  test('connections are limited, and others have theirs', async () => {
    const crowded = await house.aKey(organisations.acme);
    await house.api.putVhostLimits(crowded.vhost, { 'max-connections': 2 });
    await house.connect(crowded);
    await house.connect(crowded);
    await eventually(async () => expect(await house.api.listConnections(crowded.vhost)).toHaveLength(2));
    await expect(house.connect(crowded)).rejects.toThrow();
    await house.connect(acme);
  });
});

describe('a key ends', () => {
  test('for good when it is revoked', async () => {
    const key = await house.aKey(organisations.acme);
    await house.connect(key);
    await house.database.admin.transaction([organisations.acme.id], (trx) =>
      revokeApiKey(trx, { id: key.id, by: 'test' }),
    );
    await eventually(async () => expect(await isLetIn(house, key)).toBe(false), { withinMs: CACHED_MS + 1_000 });
  });

  test('when its time is up', async () => {
    const expiresAt = instantFromEpochMillis(Date.now() + 1_500);
    const key = await house.aKey(organisations.acme, { expiresAt });
    await house.connect(key);
    await eventually(async () => expect(await isLetIn(house, key)).toBe(false), { withinMs: CACHED_MS + 3_000 });
  });

  test('while its organisation is disabled, and no longer', async () => {
    const { admin } = house.database;
    const organisation = await anOrganisation(admin, { tradingState: 'DISABLED' });
    const key = await house.aKey(organisation);
    await expect(house.connect(key)).rejects.toThrow();
    for (const state of ['ENABLED', 'PAUSED', 'DRAINING'] as const) {
      await setTradingState(admin, organisation, state);
      await eventually(() => house.connect(key));
    }
  });

  test('where it is not used from an address that it is bound to', async () => {
    const elsewhere = await house.aKey(organisations.acme, { allowedIps: ['198.51.100.0/24'] });
    const here = await house.aKey(organisations.acme, { allowedIps: ['198.51.100.0/24', '127.0.0.0/8'] });
    await expect(house.connect(elsewhere)).rejects.toThrow();
    await house.connect(here);
  });
});

describe('while nobody answers the broker', () => {
  let lonely: PartnerHouse;
  beforeAll(async () => {
    lonely = await openPartnerHouse();
  }, 60_000);
  afterEach(() => lonely.afterTest());
  afterAll(() => lonely.close());

  test('partners are not let in, whoever is in goes on, and our own users notice nothing', async () => {
    const key = await lonely.aKey(await anOrganisation(lonely.database.admin));
    const connection = await lonely.connect(key);
    const received: string[] = [];
    const reading = await connection.createChannel();
    const remember = (message: ConsumeMessage | null) => void received.push(message?.content.toString() ?? 'cancelled');
    await reading.consume(`vcp.${key.prefix}.event.alarm`, remember, { noAck: true });
    const writing = await connection.createConfirmChannel();
    writing.setMaxListeners(0).on('error', () => undefined);
    const publish = () => publishing(`${key.prefix}.telemetry.realtime.site`)(writing);
    await publish();
    await lonely.auth.close();

    await eventually(
      async () => {
        await publish();
        expect(await isLetIn(lonely, key)).toBe(false);
      },
      { withinMs: CACHED_MS + 3_000 },
    );
    await publish();
    const ours = await lonely.ours(key);
    ours.publish('vcp', `${key.prefix}.event.alarm`, Buffer.from('alarm'));
    await eventually(() => expect(received).toEqual(['alarm']));
    await expect(lonely.api.overview()).resolves.toBeDefined();
  }, 20_000);
});

async function isLetIn(house: PartnerHouse, key: TestKey): Promise<boolean> {
  const connection = await house.connect(key).catch(() => null);
  await connection?.close();
  return connection !== null;
}
