import path from 'node:path';
import { VHOST } from '@quarterhour/contracts';
import { rabbitApi } from '@quarterhour/messaging';
import {
  DATABASE,
  HOST_NAME,
  hostForContainers,
  POSTGRES_IMAGE,
  POSTGRES_USER,
  RABBITMQ_IMAGE,
  RABBITMQ_USER,
} from './containers.js';
import {
  containerConfiguration,
  containerStartScript,
  partnerPorts,
  PLUGINS,
  stackCertificate,
} from './partner-access.js';
import { serverVersion } from './postgres-session.js';
import { brokerDefinitions } from './rabbitmq-definitions.js';
import type { BrokerServer, DatabaseServer, StartOptions } from './stack.js';

/*
 * Servers of one test run in containers, by testcontainers, which also removes them should the run be killed. The library
 * is loaded only here: that takes longer than all of a run's other preparations.
 */

/** Postgres for one test run. It keeps nothing, so it need not sync to disk. */
export async function runTestPostgres(engine: string, secret: string, { run }: StartOptions): Promise<DatabaseServer> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const container = await new PostgreSqlContainer(POSTGRES_IMAGE)
    .withDatabase(DATABASE)
    .withUsername(POSTGRES_USER)
    .withPassword(secret)
    .withCommand([
      'postgres',
      ...['max_connections=200', 'fsync=off', 'full_page_writes=off'].flatMap((set) => ['-c', set]),
    ])
    .start();
  await run.record({ engine, container: container.getId() });
  const adminUrl = container.getConnectionUri();
  return { adminUrl, source: `testcontainers ${POSTGRES_IMAGE}`, version: await serverVersion(adminUrl) };
}

/** RabbitMQ for one test run, with our topology, that lets partners in. */
export async function runTestRabbitmq(
  engine: string,
  secret: string,
  { folder, run }: StartOptions,
): Promise<BrokerServer> {
  const { RabbitMQContainer } = await import('@testcontainers/rabbitmq');
  const { caFile, certificateFile, keyFile } = await stackCertificate(folder);
  const { auth } = await partnerPorts(folder);
  const place = '/run/quarterhour';
  const container = await new RabbitMQContainer(RABBITMQ_IMAGE)
    .withEnvironment({
      RABBITMQ_DEFAULT_USER: RABBITMQ_USER,
      RABBITMQ_DEFAULT_PASS: secret,
      RABBITMQ_DEFAULT_VHOST: VHOST,
    })
    .withExposedPorts(5671)
    .withExtraHosts([{ host: HOST_NAME, ipAddress: 'host-gateway' }])
    .withCopyFilesToContainer(
      [caFile, certificateFile, keyFile].map((source) => ({ source, target: `${place}/tls/${path.basename(source)}` })),
    )
    .withCopyContentToContainer([
      { content: PLUGINS, target: `${place}/enabled_plugins` },
      {
        content: `${containerConfiguration(`http://${HOST_NAME}:${auth}`).join('\n')}\n`,
        target: `${place}/partners.conf`,
      },
    ])
    .withCommand(['sh', '-c', await containerStartScript()])
    .start();
  await run.record({ engine, container: container.getId() });
  const account = `${RABBITMQ_USER}:${secret}@${container.getHost()}`;
  const apiUrl = `http://${account}:${container.getMappedPort(15672)}`;
  const api = rabbitApi({ url: apiUrl });
  await api.importDefinitions(VHOST, brokerDefinitions());
  const { version } = await api.overview();
  const amqpUrl = `amqp://${account}:${container.getMappedPort(5672)}/${VHOST}`;
  const partners = {
    host: container.getHost(),
    port: container.getMappedPort(5671),
    caFile,
    auth: { host: await hostForContainers(engine), port: auth },
  };
  return { amqpUrl, apiUrl, partners, source: `testcontainers ${RABBITMQ_IMAGE}`, version };
}
