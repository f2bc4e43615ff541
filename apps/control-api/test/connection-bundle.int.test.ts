import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mintedApiKey, type ConnectionBundle } from '@quarterhour/contracts';
import { apiKeyDigest, listen, type Listener } from '@quarterhour/http';
import { createLogger, createMetrics } from '@quarterhour/runtime';
import { anOrganisation, answerBroker, aRealtimeEnvelope, eventually, partnerConnection } from '@quarterhour/testkit';
import { connect, type ChannelModel } from 'amqplib';
import { createBrokerAuth } from '../src/broker-auth/app.js';
import { partnerLogins } from '../src/broker-auth/logins.js';
import { openTestApi, PEPPER, type TestApi } from './api.js';

const KEYS = '/api/v1/partner/api-keys';

let api: TestApi;
let auth: Listener;
let silence: () => Promise<void>;
beforeAll(async () => {
  api = await openTestApi({ partnerBroker: await partnerConnection() });
  const logins = partnerLogins(api.control, (key) => apiKeyDigest(PEPPER, key));
  const log = createLogger({ name: 'test', level: 'fatal' });
  auth = await listen(createBrokerAuth({ logins, log, metrics: createMetrics() }), { host: '127.0.0.1', port: 0 });
  silence = await answerBroker(auth.url);
}, 60_000);
afterAll(async () => {
  await silence();
  await auth.close();
  await api.close();
});

/** All that a partner's client is given. */
interface Handed {
  readonly key: string;
  readonly connectionBundle: ConnectionBundle;
}

async function connected({ key, connectionBundle }: Handed): Promise<ChannelModel> {
  const { host: hostname, port, vhost, username, tls } = connectionBundle;
  const address = { protocol: 'amqps', hostname, port, vhost, username, password: key };
  const connection = await connect(address, tls.ca === null ? {} : { ca: tls.ca });
  connection.on('error', () => undefined);
  return connection;
}

async function publish(connection: ChannelModel, { connectionBundle }: Handed): Promise<void> {
  const { exchange, queuePrefix } = connectionBundle;
  const channel = await connection.createConfirmChannel();
  const returned = new Promise((_resolve, reject) => channel.once('return', () => reject(new Error('unroutable'))));
  const envelope = aRealtimeEnvelope();
  const options = { mandatory: true, persistent: true, contentType: 'application/json' };
  channel.publish(exchange, `${queuePrefix}.telemetry.realtime.site`, Buffer.from(JSON.stringify(envelope)), options);
  await Promise.race([channel.waitForConfirms(), returned]);
  await channel.close();
}

test('a client that is given a bundle and its key, and nothing else, is at work until the key is revoked', async () => {
  const organisation = await anOrganisation(api.admin);
  const claims = { orgs: [organisation.id], roles: ['trader'] };
  const made = await api.post(KEYS, { name: 'Gateway', scopes: ['vcp:connect'] }, claims);
  const handed = mintedApiKey.parse(made.body);
  const { queues, vhost } = handed.connectionBundle;

  const connection = await connected(handed);
  let isClosed = false;
  connection.on('close', () => (isClosed = true));
  await publish(connection, handed);
  await eventually(async () => {
    const queued = await api.vhost.api.getQueue(vhost, queues.telemetry);
    expect(queued?.messages).toBe(1);
  });
  const reading = await connection.createChannel();
  for (const name of [queues.eventTelemetry, queues.eventStatus, queues.eventExecution, queues.eventAlarm]) {
    expect(await reading.get(name)).toBe(false);
  }

  // As the process does, which looks after what was left undone each second.
  const provisioner = api.aProvisioner();
  const rounds = setInterval(() => void provisioner.round().catch(() => undefined), 1_000);
  try {
    const start = performance.now();
    expect((await api.delete(`${KEYS}/${handed.id}`, claims)).status).toBe(204);
    await eventually(() => expect(isClosed).toBe(true), { withinMs: 5_000 });
    // What the broker still lets in by an older answer is closed as well.
    await eventually(
      async () => {
        const late = await connected(handed).catch(() => null);
        await late?.close().catch(() => undefined);
        expect(late).toBeNull();
      },
      { withinMs: Math.ceil(5_000 - (performance.now() - start)) },
    );
  } finally {
    clearInterval(rounds);
  }
}, 60_000);

test('another key of the same organisation does not open its virtual host', async () => {
  const organisation = await anOrganisation(api.admin);
  const claims = { orgs: [organisation.id], roles: ['trader'] };
  const mint = async () =>
    mintedApiKey.parse((await api.post(KEYS, { name: 'Gateway', scopes: ['vcp:connect'] }, claims)).body);
  const [one, other] = [await mint(), await mint()];
  await expect(connected({ key: other.key, connectionBundle: one.connectionBundle })).rejects.toThrow();
  await (await connected(one)).close();
  await (await connected(other)).close();
}, 60_000);
