import { QUEUES, EXCHANGES, VHOST } from '@quarterhour/contracts';
import { assertOursOrEmpty, NotOursError } from '@quarterhour/db';
import { rabbitApi } from '@quarterhour/messaging';
import type { StackEnvironment } from '../environment.js';
import { reasonOf, StackError } from './errors.js';
import { onServer, serverVersion } from './postgres-session.js';
import { brokerDefinitions } from './rabbitmq-definitions.js';
import type { BrokerServer, DatabaseServer, Purpose } from './stack.js';

const DEFAULT_API_PORT = 15672;
const PARTNER_QUEUE = /^vcp\.[a-z0-9-]+\.[a-z.]+$/;

/**
 * The Postgres that the environment names. Its database has to be empty or ours.
 *
 * @throws StackError when it cannot be reached, or holds something of somebody else
 */
export async function givenPostgres(url: string, purpose: Purpose): Promise<DatabaseServer> {
  const version = await serverVersion(url).catch((error: unknown) => {
    throw new StackError(`QUARTERHOUR_DATABASE_URL: no login (${reasonOf(error)}).`, { cause: error });
  });
  await assertOursOrEmpty(url).catch((error: unknown) => {
    if (!(error instanceof NotOursError)) throw error;
    throw new StackError(`QUARTERHOUR_DATABASE_URL: ${error.message}. Name a database that is empty.`, {
      cause: error,
    });
  });
  if (purpose === 'test') await refuseServerInUse(url);
  return { adminUrl: url, source: 'given by QUARTERHOUR_DATABASE_URL', version };
}

/**
 * Roles belong to the whole server: a test run would give new passwords to the roles of an installation beside it.
 */
async function refuseServerInUse(url: string): Promise<void> {
  const [used] = await onServer(
    url,
    `select d.datname from pg_shdepend s join pg_roles r on s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
       join pg_database d on d.oid = s.dbid
      where r.rolname like 'quarterhour\\_%' and d.datname not like 'quarterhour\\_test\\_%' limit 1`,
  );
  if (used === undefined) return;
  throw new StackError(
    `QUARTERHOUR_DATABASE_URL: the server has an installation of Quarterhour (database ${String(used['datname'])}); ` +
      'tests would change the passwords of its roles. Name another server, or none: then a private one is started.',
  );
}

/**
 * The RabbitMQ that the environment names, with our topology declared in its virtual host.
 *
 * @throws StackError when it cannot be reached, names the virtual host `/`, or holds something of somebody else
 */
export async function givenRabbitmq(env: StackEnvironment, amqpUrl: string): Promise<BrokerServer> {
  const vhost = vhostOf(amqpUrl);
  if (vhost === '/') {
    throw new StackError(
      'QUARTERHOUR_AMQP_URL: the virtual host / is everybody’s. Make one for Quarterhour and name it in the URL:\n' +
        `  rabbitmqctl add_vhost ${VHOST}\n  QUARTERHOUR_AMQP_URL=amqp://user:password@host:5672/${VHOST}`,
    );
  }
  const apiUrl = env.rabbitmqApiUrl ?? apiUrlOf(amqpUrl);
  const api = rabbitApi({ url: apiUrl });
  const overview = await api.overview().catch((error: unknown) => {
    throw new StackError(
      `QUARTERHOUR_AMQP_URL: the HTTP API of the broker does not answer (${reasonOf(error)}). ` +
        'Enable rabbitmq_management, and set QUARTERHOUR_RABBITMQ_API_URL when it is not on port 15672.',
      { cause: error },
    );
  });
  await refuseForeignVhost(apiUrl, vhost);
  await api.importDefinitions(vhost, brokerDefinitions(vhost));
  return { amqpUrl, apiUrl, partners: undefined, source: 'given by QUARTERHOUR_AMQP_URL', version: overview.version };
}

async function refuseForeignVhost(apiUrl: string, vhost: string): Promise<void> {
  const { queues, exchanges } = await rabbitApi({ url: apiUrl }).exportDefinitions(vhost);
  const ours = new Set<string>([...Object.values(QUEUES), ...Object.values(EXCHANGES)]);
  const names = [...queues, ...exchanges].map(({ name }) => name);
  const foreign = names.find((name) => !ours.has(name) && !PARTNER_QUEUE.test(name));
  if (foreign === undefined) return;
  throw new StackError(
    `QUARTERHOUR_AMQP_URL: the virtual host ${vhost} holds ${foreign}, which is not ours. Name one that is empty.`,
  );
}

/** The path of an AMQP URL, decoded; none at all means the default virtual host. */
export function vhostOf(amqpUrl: string): string {
  const path = new URL(amqpUrl).pathname.slice(1);
  return path === '' ? '/' : decodeURIComponent(path);
}

function apiUrlOf(amqpUrl: string): string {
  const { username, password, hostname } = new URL(amqpUrl);
  return `http://${username}:${password}@${hostname}:${DEFAULT_API_PORT}`;
}
