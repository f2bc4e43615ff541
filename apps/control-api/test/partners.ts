import { randomBytes, randomUUID } from 'node:crypto';
import { connect as connectTo } from 'amqplib';
import type { Channel, ChannelModel, ConfirmChannel, GetMessage } from 'amqplib';
import { PARTNER_POLICIES, PARTNER_VHOST_LIMITS, partnerVhost, partnerVhostTopology } from '@quarterhour/contracts';
import { insertApiKey, openDatabase } from '@quarterhour/db';
import type { NewApiKey, OrganisationRow } from '@quarterhour/db';
import { apiKeyDigest, apiKeyPrefix, listen, newApiKey } from '@quarterhour/http';
import type { Listener } from '@quarterhour/http';
import { rabbitApi } from '@quarterhour/messaging';
import type { RabbitApi } from '@quarterhour/messaging';
import { createLogger, createMetrics } from '@quarterhour/runtime';
import { answerBroker, partnerConnection, testDatabase, testServers } from '@quarterhour/testkit';
import type { TestDatabase } from '@quarterhour/testkit';
import { createBrokerAuth } from '../src/broker-auth/app.js';
import { partnerLogins } from '../src/broker-auth/logins.js';

const PEPPER = randomBytes(32);
const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };
const ALL_SCOPES = ['setpoint', 'device-command', 'schedule', 'mode', 'config'].map((what) => `vcp:write:${what}`);

/** A key, its virtual host as an installation provisions it, and its holder's way in. */
export interface TestKey {
  readonly id: string;
  readonly key: string;
  readonly slug: string;
  readonly prefix: string;
  readonly vhost: string;
}

/** The shared broker, and a database of its own with what answers the broker about the partners in it. */
export interface PartnerHouse {
  readonly database: TestDatabase;
  readonly api: RabbitApi;
  /** Where the broker's questions are answered. */
  readonly auth: Listener;
  aKey(organisation: OrganisationRow, different?: Partial<NewApiKey>): Promise<TestKey>;
  /** A channel of ours in a key's virtual host. */
  ours(key: TestKey): Promise<Channel>;
  /** Connects over TLS, as the holder of a key does unless told otherwise. */
  connect(key: TestKey, different?: ConnectOptions): Promise<ChannelModel>;
  /** Ends what the test opened. */
  afterTest(): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly username?: string;
  readonly password?: string;
  readonly vhost?: string;
  readonly ca?: string | null;
}

export async function openPartnerHouse(): Promise<PartnerHouse> {
  const database = await testDatabase();
  const { amqpUrl, rabbitmqApiUrl } = testServers();
  const admin = decodeURIComponent(new URL(amqpUrl).username);
  const api = rabbitApi({ url: rabbitmqApiUrl });
  const { host, port, ca } = await partnerConnection();
  const db = openDatabase({ url: database.controlUrl, applicationName: 'test', maxConnections: 2 });
  const logins = partnerLogins(db, (key) => apiKeyDigest(PEPPER, key));
  const log = createLogger({ name: 'test', level: 'fatal' });
  const auth = await listen(createBrokerAuth({ logins, log, metrics: createMetrics() }), {
    host: '127.0.0.1',
    port: 0,
  });
  const silence = await answerBroker(auth.url);
  const vhosts: string[] = [];
  const connections: ChannelModel[] = [];

  async function opened(url: string | object, options?: object): Promise<ChannelModel> {
    const connection = await connectTo(url, options);
    connection.on('error', () => undefined);
    connections.push(connection);
    return connection;
  }

  const house: PartnerHouse = {
    database,
    api,
    auth,
    async aKey({ id: orgId, slug, queuePrefix }, different = {}) {
      if (queuePrefix === null) throw new RangeError('a partner has a queue prefix');
      const [id, key] = [randomUUID(), newApiKey()];
      const row: NewApiKey = {
        orgId,
        id,
        name: 'A key',
        keyPrefix: apiKeyPrefix(key),
        keyDigest: apiKeyDigest(PEPPER, key),
        sealedSigningKey: 'sealed',
        scopes: ['vcp:connect', 'vcp:read', ...ALL_SCOPES],
        allowedIps: [],
        createdBy: 'test',
        expiresAt: null,
        ...different,
      };
      await database.admin.transaction([orgId], (trx) => insertApiKey(trx, row));
      const vhost = partnerVhost(id);
      await api.putVhost(vhost);
      vhosts.push(vhost);
      await api.putPermissions(vhost, admin, EVERYTHING);
      await api.putVhostLimits(vhost, PARTNER_VHOST_LIMITS);
      await api.declare(vhost, partnerVhostTopology(queuePrefix), PARTNER_POLICIES);
      return { id, key, slug, prefix: queuePrefix, vhost };
    },
    async ours({ vhost }) {
      const url = new URL(amqpUrl);
      url.pathname = `/${vhost}`;
      return (await opened(url.href)).createChannel();
    },
    connect(key, different = {}) {
      const { username, password, vhost } = { username: key.slug, password: key.key, vhost: key.vhost, ...different };
      const trusted = different.ca === undefined ? ca : different.ca;
      const address = { protocol: 'amqps', hostname: host, port, username, password, vhost };
      return opened(address, trusted === null ? {} : { ca: trusted });
    },
    async afterTest() {
      await Promise.all(connections.splice(0).map((connection) => connection.close().catch(() => undefined)));
    },
    async close() {
      await house.afterTest();
      await silence();
      await auth.close();
      for (const vhost of vhosts) await api.deleteVhost(vhost);
      await db.close();
      await database.drop();
    },
  };
  return house;
}

/** What the broker said to something that a partner tried on a channel of its own. */
export async function attempt(connection: ChannelModel, deed: (channel: ConfirmChannel) => unknown): Promise<string> {
  const channel = await connection.createConfirmChannel();
  const ended = new Promise<string>((resolve) => channel.on('error', (error: Error) => resolve(error.message)));
  const done = (async () => {
    await deed(channel);
    // What needs no answer is refused a little later; the next answer comes after that.
    await channel.waitForConfirms();
    await channel.prefetch(1);
    return 'allowed';
  })().catch((error: unknown) => Promise.race([ended, Promise.resolve(String(error))]));
  const said = await Promise.race([ended, done]);
  await channel.close().catch(() => undefined);
  return summary(said);
}

/** Publishes under a key to `vcp`, confirmed; `unroutable` when no queue took it. */
export function publishing(routingKey: string, different: { exchange?: string; options?: object } = {}) {
  return (channel: ConfirmChannel) =>
    new Promise<void>((resolve, reject) => {
      channel.once('close', () => reject(new Error('closed')));
      channel.once('return', () => reject(new Error('unroutable')));
      const options = { mandatory: true, ...different.options };
      channel.publish(different.exchange ?? 'vcp', routingKey, Buffer.from('{}'), options, (error) =>
        error === null || error === undefined ? resolve() : reject(new Error('refused')),
      );
    });
}

/** Takes what a queue holds at the moment, one message. */
export async function taken(channel: Channel, queue: string): Promise<GetMessage | null> {
  const message = await channel.get(queue, { noAck: true });
  return message === false ? null : message;
}

function summary(said: string): string {
  return (
    /ACCESS.REFUSED|NOT.FOUND|NOT.ALLOWED|RESOURCE.LOCKED|PRECONDITION.FAILED/.exec(said)?.[0].replace('-', '_') ?? said
  );
}
