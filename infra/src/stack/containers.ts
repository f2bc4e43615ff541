import { createHash } from 'node:crypto';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VHOST } from '@quarterhour/contracts';
import { rabbitApi } from '@quarterhour/messaging';
import type { StackEnvironment } from '../environment.js';
import { docker, succeeds } from './docker.js';
import { StackError } from './errors.js';
import {
  containerConfiguration,
  containerStartScript,
  partnerPorts,
  PLUGINS,
  stackCertificate,
} from './partner-access.js';
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

/** Runs RabbitMQ in a container that keeps its data in a volume, declares our topology in it, and lets partners in. */
export async function runRabbitmqContainer(
  engine: string,
  secret: string,
  options: StartOptions,
): Promise<BrokerServer> {
  const container = nameFor(options.folder, 'rabbitmq');
  const ports = await partnerPorts(options.folder);
  const certificate = await stackCertificate(options.folder);
  await runContainer(engine, container, options, {
    image: RABBITMQ_IMAGE,
    ports: [5672, 15672],
    fixedPorts: { 5671: ports.amqps },
    mounts: { '/run/quarterhour': await partnerMount(options.folder, ports.auth) },
    data: '/var/lib/rabbitmq',
    environment: { RABBITMQ_DEFAULT_USER: RABBITMQ_USER, RABBITMQ_DEFAULT_PASS: secret, RABBITMQ_DEFAULT_VHOST: VHOST },
    arguments: ['sh', '-c', await containerStartScript()],
  });
  const account = `${RABBITMQ_USER}:${secret}@127.0.0.1`;
  const apiUrl = `http://${account}:${await publishedPort(engine, container, 15672)}`;
  const version = await untilAnswers(engine, container, options, () => versionOnceListening(apiUrl));
  await rabbitApi({ url: apiUrl }).importDefinitions(VHOST, brokerDefinitions());
  const amqpUrl = `amqp://${account}:${await publishedPort(engine, container, 5672)}/${VHOST}`;
  const auth = { host: await hostForContainers(engine), port: ports.auth };
  const partners = { host: '127.0.0.1', port: ports.amqps, caFile: certificate.caFile, auth };
  return { amqpUrl, apiUrl, partners, source: `container ${RABBITMQ_IMAGE}`, version };
}

/** By this name a container finds the machine that it runs on. */
export const HOST_NAME = 'host.docker.internal';

/**
 * Address of this machine at which containers reach what listens on it: on Linux that of their bridge, which nobody else
 * reaches, elsewhere the loopback one.
 */
export async function hostForContainers(engine: string): Promise<string> {
  if (process.platform !== 'linux') return '127.0.0.1';
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}';
  const { stdout } = await docker(engine, ['network', 'inspect', 'bridge', '--format', format]);
  return stdout.split(/\s+/).find((address) => isIPv4(address)) ?? '127.0.0.1';
}

/** What the start script of the container looks for, in a folder of ours. */
async function partnerMount(folder: string, authPort: number): Promise<string> {
  const place = path.join(folder, 'rabbitmq-container');
  const { caFile, certificateFile, keyFile } = await stackCertificate(folder);
  for (const made of [place, path.join(place, 'tls')]) await mkdir(made, { recursive: true, mode: 0o700 });
  for (const file of [caFile, certificateFile, keyFile]) {
    await copyFile(file, path.join(place, 'tls', path.basename(file)));
  }
  await writeFile(path.join(place, 'enabled_plugins'), PLUGINS);
  const lines = containerConfiguration(`http://${HOST_NAME}:${authPort}`);
  await writeFile(path.join(place, 'partners.conf'), `${lines.join('\n')}\n`);
  return place;
}

/** Removes the volumes that runs in a folder left. */
export async function removeVolumes(engine: string, folder: string): Promise<void> {
  for (const service of ['postgres', 'rabbitmq']) {
    await docker(engine, ['volume', 'rm', '--force', nameFor(folder, service)]);
  }
}

interface ContainerRequest {
  readonly image: string;
  /** Published on ports that the engine chooses. */
  readonly ports: readonly number[];
  /** Published on ports that are chosen here, by those inside. */
  readonly fixedPorts?: Readonly<Record<number, number>>;
  /** Folders of ours that the container may read, by where it sees them. */
  readonly mounts?: Readonly<Record<string, string>>;
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
      ...Object.entries(request.fixedPorts ?? {}).flatMap(([to, from]) => ['--publish', `127.0.0.1:${from}:${to}`]),
      ...Object.entries(request.mounts ?? {}).flatMap(([to, from]) => ['--volume', `${from}:${to}:ro`]),
      ...['--add-host', `${HOST_NAME}:host-gateway`],
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
