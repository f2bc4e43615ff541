import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { VHOST } from '@quarterhour/contracts';
import { rabbitApi } from '@quarterhour/messaging';
import type { StackEnvironment } from '../environment.js';
import { docker, succeeds } from './docker.js';
import { StackError } from './errors.js';
import { serverVersion } from './postgres-session.js';
import { firstExecutable } from './programs.js';
import { brokerDefinitions } from './rabbitmq-definitions.js';
import type { BrokerServer, DatabaseServer, StartOptions } from './stack.js';

export const POSTGRES_IMAGE = 'postgres:18';
export const RABBITMQ_IMAGE = 'rabbitmq:4-management';
export const POSTGRES_USER = 'postgres';
export const RABBITMQ_USER = 'quarterhour';
export const DATABASE = 'quarterhour';
const ANSWERS_WITHIN_MS = 5_000;
const PULLED_WITHIN_MS = 900_000;
const READY_WITHIN_MS = 120_000;
const PROBE_EVERY_MS = 250;

/**
 * The program of a container engine that answers, if there is one. An engine on another machine is no use: the ports it
 * opens are not ours.
 */
export async function findEngine(env: StackEnvironment, log: (line: string) => void): Promise<string | undefined> {
  const program = await firstExecutable('docker', env.searchPath);
  if (program === undefined || !(await succeeds(docker(program, ['info'], { timeoutMs: ANSWERS_WITHIN_MS })))) {
    return undefined;
  }
  if (env.dockerHost === undefined || env.dockerHost.startsWith('unix:')) return program;
  log(`The container engine at ${env.dockerHost} is not used: it may be on another machine.`);
  return undefined;
}

/** Runs Postgres in a container that keeps its data in a volume. */
export async function runPostgresContainer(
  engine: string,
  secret: string,
  options: StartOptions,
): Promise<DatabaseServer> {
  const container = nameFor(options.folder, 'postgres');
  await runContainer(engine, container, options, {
    image: POSTGRES_IMAGE,
    ports: [5432],
    data: '/var/lib/postgresql',
    environment: { POSTGRES_PASSWORD: secret, POSTGRES_DB: DATABASE, POSTGRES_INITDB_ARGS: '--locale=C.UTF-8' },
    arguments: ['-c', 'max_connections=200'],
  });
  const port = await publishedPort(engine, container, 5432);
  const adminUrl = `postgres://${POSTGRES_USER}:${secret}@127.0.0.1:${port}/${DATABASE}`;
  const version = await untilAnswers(engine, container, options, () => serverVersion(adminUrl));
  return { adminUrl, source: `container ${POSTGRES_IMAGE}`, version };
}

/** Runs RabbitMQ in a container that keeps its data in a volume, and declares our topology in it. */
export async function runRabbitmqContainer(
  engine: string,
  secret: string,
  options: StartOptions,
): Promise<BrokerServer> {
  const container = nameFor(options.folder, 'rabbitmq');
  await runContainer(engine, container, options, {
    image: RABBITMQ_IMAGE,
    ports: [5672, 15672],
    data: '/var/lib/rabbitmq',
    environment: { RABBITMQ_DEFAULT_USER: RABBITMQ_USER, RABBITMQ_DEFAULT_PASS: secret, RABBITMQ_DEFAULT_VHOST: VHOST },
    arguments: [],
  });
  const account = `${RABBITMQ_USER}:${secret}@127.0.0.1`;
  const apiUrl = `http://${account}:${await publishedPort(engine, container, 15672)}`;
  const version = await untilAnswers(engine, container, options, () => versionOnceListening(apiUrl));
  await rabbitApi({ url: apiUrl }).importDefinitions(VHOST, brokerDefinitions());
  const amqpUrl = `amqp://${account}:${await publishedPort(engine, container, 5672)}/${VHOST}`;
  return { amqpUrl, apiUrl, source: `container ${RABBITMQ_IMAGE}`, version };
}

/** Removes the volumes that runs in a folder left. */
export async function removeVolumes(engine: string, folder: string): Promise<void> {
  for (const service of ['postgres', 'rabbitmq']) {
    await docker(engine, ['volume', 'rm', '--force', nameFor(folder, service)]);
  }
}

interface ContainerRequest {
  readonly image: string;
  readonly ports: readonly number[];
  /** Where the image keeps its data. */
  readonly data: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly arguments: readonly string[];
}

/** The host name is fixed because RabbitMQ keeps its data under it. */
async function runContainer(
  engine: string,
  container: string,
  { run, log, signal }: StartOptions,
  request: ContainerRequest,
): Promise<void> {
  await succeeds(docker(engine, ['rm', '--force', '--volumes', container]));
  if (!(await succeeds(docker(engine, ['image', 'inspect', request.image])))) {
    log(`Pulling ${request.image} ...`);
    await docker(engine, ['pull', '--quiet', request.image], { timeoutMs: PULLED_WITHIN_MS, signal });
  }
  await run.record({ engine, container });
  await docker(
    engine,
    [
      ...['run', '--detach', '--name', container, '--hostname', 'quarterhour'],
      ...request.ports.flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
      ...Object.keys(request.environment).flatMap((name) => ['--env', name]),
      ...['--volume', `${container}:${request.data}`],
      request.image,
      ...request.arguments,
    ],
    { environment: request.environment, signal },
  );
}

async function publishedPort(engine: string, container: string, port: number): Promise<number> {
  const { stdout } = await docker(engine, ['port', container, `${port}/tcp`]);
  const published = /127\.0\.0\.1:(\d+)/.exec(stdout)?.[1];
  if (published === undefined) throw new StackError(`${container} does not publish its port ${port} on 127.0.0.1.`);
  return Number(published);
}

async function untilAnswers(
  engine: string,
  container: string,
  { signal }: StartOptions,
  probe: () => Promise<string>,
): Promise<string> {
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await probe();
    } catch (error) {
      const { stdout: running } = await docker(engine, ['inspect', '--format', '{{.State.Running}}', container]);
      if (deadline.aborted || running.trim() !== 'true') {
        const { stdout, stderr } = await docker(engine, ['logs', '--tail', '15', container]);
        throw new StackError(`The container ${container} does not answer.\n${stdout}${stderr}`, { cause: error });
      }
    }
    await sleep(PROBE_EVERY_MS);
  }
}

async function versionOnceListening(apiUrl: string): Promise<string> {
  const overview = await rabbitApi({ url: apiUrl }).overview();
  if (!overview.listeners.some(({ protocol }) => protocol === 'amqp')) throw new StackError('not listening yet');
  return overview.version;
}

function nameFor(folder: string, service: string): string {
  return `quarterhour-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}-${service}`;
}
