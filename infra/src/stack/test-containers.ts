import { VHOST } from '@quarterhour/contracts';
import { rabbitApi } from '@quarterhour/messaging';
import { DATABASE, POSTGRES_IMAGE, POSTGRES_USER, RABBITMQ_IMAGE, RABBITMQ_USER } from './containers.js';
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

/** RabbitMQ for one test run, with our topology. */
export async function runTestRabbitmq(engine: string, secret: string, { run }: StartOptions): Promise<BrokerServer> {
  const { RabbitMQContainer } = await import('@testcontainers/rabbitmq');
  const container = await new RabbitMQContainer(RABBITMQ_IMAGE)
    .withEnvironment({
      RABBITMQ_DEFAULT_USER: RABBITMQ_USER,
      RABBITMQ_DEFAULT_PASS: secret,
      RABBITMQ_DEFAULT_VHOST: VHOST,
    })
    .start();
  await run.record({ engine, container: container.getId() });
  const account = `${RABBITMQ_USER}:${secret}@${container.getHost()}`;
  const apiUrl = `http://${account}:${container.getMappedPort(15672)}`;
  const api = rabbitApi({ url: apiUrl });
  await api.importDefinitions(VHOST, brokerDefinitions());
  const { version } = await api.overview();
  const amqpUrl = `amqp://${account}:${container.getMappedPort(5672)}/${VHOST}`;
  return { amqpUrl, apiUrl, source: `testcontainers ${RABBITMQ_IMAGE}`, version };
}
