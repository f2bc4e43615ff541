import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MAX_MESSAGE_BYTES, VHOST } from '@quarterhour/contracts';
import { rabbitApi, type BrokerCertificate } from '@quarterhour/messaging';
import { serverEnvironment } from '../environment.js';
import { StackError } from './errors.js';
import { partnerConfiguration, partnerPorts, PLUGINS, stackCertificate } from './partner-access.js';
import { freePorts } from './ports.js';
import type { Ending } from './processes.js';
import { definitionsWithUser } from './rabbitmq-definitions.js';
import type { RabbitmqScripts } from './rabbitmq-scripts.js';
import { spawnServer, untilReady, withFreshPorts } from './server-process.js';
import type { BrokerServer, Purpose, StartOptions } from './stack.js';

const HOST = '127.0.0.1';
const USER = 'quarterhour';
const NODE_NAME = 'quarterhour@localhost';
const READY_WITHIN_MS = 180_000;

const ENDING: Record<Purpose, readonly Ending[]> = {
  demo: [
    { signal: 'SIGTERM', graceMs: 20_000 },
    { signal: 'SIGKILL', graceMs: 5_000 },
  ],
  test: [{ signal: 'SIGKILL', graceMs: 5_000 }],
};

/** Quorum queues report their counts every 5 s of their own accord; tests that look at them would mostly wait. */
const ADVANCED: Record<Purpose, string> = { demo: '[].\n', test: '[{rabbit, [{quorum_tick_interval, 500}]}].\n' };

/** Where one node listens; nodes of a cluster share their port mapper. */
export interface NodePorts {
  readonly amqp: number;
  readonly http: number;
  readonly distribution: number;
  readonly epmd: number;
}

/**
 * Starts a private RabbitMQ on free ports of the loopback interface, with a port mapper (epmd), cookie and home of its
 * own, so that nothing of a RabbitMQ that may be installed is read, reached or disturbed.
 */
export async function startRabbitmq(
  scripts: RabbitmqScripts,
  secrets: { rabbitmq: string; cookie: string },
  options: StartOptions,
): Promise<BrokerServer> {
  const home = path.join(options.folder, 'rabbitmq');
  await prepareHome(home, secrets, options.purpose);
  const certificate = await stackCertificate(options.folder);
  return withFreshPorts(async () => {
    const ports = await choosePorts(options.folder);
    await writeFile(path.join(home, 'rabbitmq.conf'), configuration(home, ports, certificate, options.purpose), {
      mode: 0o600,
    });
    await startPortMapper(scripts, home, ports, options);
    const server = await spawnServer({
      title: 'RabbitMQ',
      file: scripts.server,
      args: [],
      env: nodeEnvironment(scripts, home, ports),
      cwd: home,
      logFile: path.join(options.folder, 'rabbitmq.log'),
    });
    await options.run.record({ pid: server.pid, marks: ['beam', home], ending: ENDING[options.purpose] });
    const account = `${USER}:${secrets.rabbitmq}@127.0.0.1`;
    const apiUrl = `http://${account}:${ports.http}`;
    const version = await untilReady(server, () => versionOnceListening(apiUrl, ports), {
      timeoutMs: READY_WITHIN_MS,
      signal: options.signal,
    });
    const amqpUrl = `amqp://${account}:${ports.amqp}/${VHOST}`;
    const auth = { host: HOST, port: ports.auth };
    const partners = { host: HOST, port: ports.amqps, caFile: certificate.caFile, auth };
    return { amqpUrl, apiUrl, partners, source: `local ${version} (${scripts.from})`, version };
  });
}

async function prepareHome(
  home: string,
  secrets: { rabbitmq: string; cookie: string },
  purpose: Purpose,
): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const cookie = path.join(home, '.erlang.cookie');
  await rm(cookie, { force: true });
  await writeFile(cookie, secrets.cookie, { mode: 0o400 });
  await writeFile(path.join(home, 'enabled_plugins'), PLUGINS);
  await writeFile(path.join(home, 'advanced.config'), ADVANCED[purpose]);
  await writeFile(path.join(home, 'rabbitmq-env.conf'), '');
  const definitions = path.join(home, 'definitions.json');
  await writeFile(definitions, JSON.stringify(definitionsWithUser(USER, secrets.rabbitmq), null, 2), { mode: 0o600 });
  await chmod(definitions, 0o600);
}

/** Also the one at which the control API will answer the broker. */
type PortsOfStack = NodePorts & { readonly amqps: number; readonly auth: number };

async function choosePorts(folder: string): Promise<PortsOfStack> {
  const [amqp = 0, http = 0, distribution = 0, epmd = 0] = await freePorts(4);
  return { amqp, http, distribution, epmd, ...(await partnerPorts(folder)) };
}

function configuration(home: string, ports: PortsOfStack, certificate: BrokerCertificate, purpose: Purpose): string {
  const lines = [
    `listeners.tcp.local = 127.0.0.1:${ports.amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.http}`,
    `max_message_size = ${MAX_MESSAGE_BYTES}`,
    `load_definitions = ${path.join(home, 'definitions.json')}`,
    ...partnerConfiguration(`http://${HOST}:${ports.auth}`, { ...certificate, listener: `${HOST}:${ports.amqps}` }),
    ...(purpose === 'test' ? ['collect_statistics_interval = 500'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Ours and in the foreground: the one that Erlang starts by itself detaches and outlives its node. */
export async function startPortMapper(
  scripts: RabbitmqScripts,
  home: string,
  ports: NodePorts,
  { folder, run }: StartOptions,
): Promise<void> {
  const port = String(ports.epmd);
  const mapper = await spawnServer({
    title: 'epmd',
    file: scripts.epmd,
    args: ['-address', '127.0.0.1', '-port', port],
    env: serverEnvironment({ HOME: home }),
    cwd: home,
    logFile: path.join(folder, 'epmd.log'),
  });
  const ending: Ending[] = [
    { signal: 'SIGTERM', graceMs: 2_000 },
    { signal: 'SIGKILL', graceMs: 2_000 },
  ];
  await run.record({ pid: mapper.pid, marks: ['epmd', `-port ${port}`], ending });
}

/**
 * Every path and port is named, so that none of the system's defaults applies; `detached` makes the script become the
 * server instead of waiting beside it, so the pid we know is the server's.
 */
export function nodeEnvironment(
  scripts: RabbitmqScripts,
  home: string,
  ports: NodePorts,
  name: string = NODE_NAME,
): NodeJS.ProcessEnv {
  const base = serverEnvironment({
    HOME: home,
    detached: 'true',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: name,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: path.join(home, 'data'),
    RABBITMQ_LOG_BASE: path.join(home, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: path.join(home, 'rabbitmq.pid'),
    RABBITMQ_CONFIG_FILE: path.join(home, 'rabbitmq.conf'),
    RABBITMQ_CONFIG_FILES: path.join(home, 'conf.d', '*.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: path.join(home, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: path.join(home, 'rabbitmq-env.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: path.join(home, 'config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path.join(home, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  });
  return {
    ...base,
    PATH: [...scripts.searchFirst, base['PATH'] ?? ''].join(':'),
    ...(scripts.libraries.length === 0 ? {} : { LD_LIBRARY_PATH: scripts.libraries.join(':') }),
  };
}

/** The listener opens last; the HTTP API, which answers only to our user, says when it has. */
export async function versionOnceListening(apiUrl: string, ports: NodePorts): Promise<string> {
  const overview = await rabbitApi({ url: apiUrl }).overview();
  const listens = overview.listeners.some(({ protocol, port }) => protocol === 'amqp' && port === ports.amqp);
  if (!listens) throw new StackError('RabbitMQ does not listen yet.');
  return overview.version;
}
