import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { MAX_MESSAGE_BYTES } from '@quarterhour/contracts';
import { rabbitApi, type RabbitApi } from '@quarterhour/messaging';
import { partnerConfiguration, PLUGINS, stackCertificate } from '../stack/partner-access.js';
import { freePorts } from '../stack/ports.js';
import { definitionsWithUser } from '../stack/rabbitmq-definitions.js';
import { nodeEnvironment, startPortMapper, versionOnceListening } from '../stack/rabbitmq-node.js';
import type { NodePorts } from '../stack/rabbitmq-node.js';
import type { RabbitmqScripts } from '../stack/rabbitmq-scripts.js';
import type { Secrets } from '../stack/secrets.js';
import { spawnServer, untilReady, type ServerProcess } from '../stack/server-process.js';
import type { StartOptions } from '../stack/stack.js';

const USER = 'quarterhour';
const READY_WITHIN_MS = 180_000;
const CTL_TIMEOUT_MS = 15_000;

/**
 * Counts are sampled often enough to wait for them, and a dead letter that nobody took is tried again within seconds instead
 * of minutes.
 */
const ADVANCED = `[{rabbit, [{quorum_tick_interval, 1000}, {dead_letter_worker_publisher_confirm_timeout, 3000}]}].\n`;

/** What a cluster is made with. */
interface Means {
  readonly scripts: RabbitmqScripts;
  readonly secrets: Secrets;
  readonly options: StartOptions;
}

/** What is asked for. */
export interface ClusterRequest {
  readonly nodes: number;
  /** Whether partners log in with their keys: the broker then asks a control API about them. Of one node only. */
  readonly asksAboutPartners: boolean;
}

interface Member {
  readonly name: string;
  readonly home: string;
  readonly ports: NodePorts;
  server: ServerProcess | null;
}

/** Some RabbitMQ nodes on this machine, each a process of its own, that hold every quorum queue together. */
export class RabbitmqCluster {
  readonly #scripts: RabbitmqScripts;
  readonly #secrets: Secrets;
  readonly #options: StartOptions;
  readonly #members: readonly Member[];
  /** Where the broker asks about partners; null when it does not. */
  readonly brokerAuthPort: number | null;

  private constructor({ scripts, secrets, options }: Means, members: readonly Member[], brokerAuthPort: number | null) {
    this.#scripts = scripts;
    this.#secrets = secrets;
    this.#options = options;
    this.#members = members;
    this.brokerAuthPort = brokerAuthPort;
  }

  /** Starts the first node, then the others, which join it. */
  static async start(means: Means, { nodes, asksAboutPartners }: ClusterRequest): Promise<RabbitmqCluster> {
    const { scripts, secrets, options } = means;
    const members = await choosePlaces(options.folder, nodes);
    const [first, ...others] = members;
    if (first === undefined) throw new RangeError('a cluster has at least one node');
    const partners = asksAboutPartners ? await partnerLines(options.folder) : null;
    for (const one of members) await prepareHome(one, first.name, secrets, partners?.lines ?? []);
    await startPortMapper(scripts, first.home, first.ports, options);
    const cluster = new RabbitmqCluster(means, members, partners?.authPort ?? null);
    await cluster.startNode(0);
    await Promise.all(others.map((_, index) => cluster.startNode(index + 1)));
    return cluster;
  }

  get size(): number {
    return this.#members.length;
  }

  get version(): Promise<string> {
    return this.api(0)
      .overview()
      .then(({ version }) => version);
  }

  /** AMQP ports, in the order of the nodes. */
  get amqpPorts(): readonly number[] {
    return this.#members.map(({ ports }) => ports.amqp);
  }

  /** User and password, as they stand in a URL. */
  get account(): string {
    return `${USER}:${this.#secrets.rabbitmq}`;
  }

  get user(): string {
    return USER;
  }

  api(index: number): RabbitApi {
    return rabbitApi({ url: this.apiUrl(index) });
  }

  /** Of the HTTP API, with user and password. */
  apiUrl(index: number): string {
    return this.#apiUrl(this.#at(index));
  }

  /** Starts a node and waits until it takes connections. */
  async startNode(index: number): Promise<void> {
    const one = this.#at(index);
    const server = await spawnServer({
      title: `RabbitMQ ${one.name}`,
      file: this.#scripts.server,
      args: [],
      env: this.#environment(one),
      cwd: one.home,
      logFile: path.join(this.#options.folder, `${one.name}.log`),
    });
    one.server = server;
    const ending = [{ signal: 'SIGKILL' as const, graceMs: 5_000 }];
    await this.#options.run.record({ pid: server.pid, marks: ['beam', one.home], ending });
    await untilReady(server, () => versionOnceListening(this.#apiUrl(one), one.ports), {
      timeoutMs: READY_WITHIN_MS,
      signal: this.#options.signal,
    });
  }

  /** SIGKILL, SIGSTOP or SIGCONT to a node. */
  signal(index: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    const { server } = this.#at(index);
    if (server === null || server.ended() !== undefined || server.pid <= 1) return;
    process.kill(server.pid, signal);
  }

  isRunning(index: number): boolean {
    const { server } = this.#at(index);
    return server !== null && server.ended() === undefined;
  }

  /** One command of RabbitMQ's own tool. It would wait for ever for a node that is stopped, so it is given little time. */
  async ctl(index: number, args: readonly string[]): Promise<void> {
    const one = this.#at(index);
    await promisify(execFile)(path.join(path.dirname(this.#scripts.server), 'rabbitmqctl'), ['-n', one.name, ...args], {
      cwd: one.home,
      env: this.#environment(one),
      timeout: CTL_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
  }

  #at(index: number): Member {
    const one = this.#members[index];
    if (one === undefined) throw new RangeError(`there is no node ${index}`);
    return one;
  }

  #apiUrl({ ports }: Member): string {
    return `http://${this.account}@127.0.0.1:${ports.http}`;
  }

  #environment({ name, home, ports }: Member): NodeJS.ProcessEnv {
    const env = nodeEnvironment(this.#scripts, home, ports, name);
    return {
      ...env,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${env['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS'] ?? ''} +S 1:1 +sbwt none`,
    };
  }
}

/** All ports are asked for at once, so that no two are the same. */
async function choosePlaces(folder: string, nodes: number): Promise<Member[]> {
  const [epmd = 0, ...ports] = await freePorts(1 + 3 * nodes);
  return Array.from({ length: nodes }, (_, index) => {
    const [amqp = 0, http = 0, distribution = 0] = ports.slice(3 * index);
    return {
      name: `quarterhour${index + 1}@localhost`,
      home: path.join(folder, `rabbitmq-${index + 1}`),
      ports: { amqp, http, distribution, epmd },
      server: null,
    };
  });
}

/** A listener for partners, and where the broker asks about them. */
async function partnerLines(folder: string): Promise<{ authPort: number; lines: readonly string[] }> {
  const [amqps = 0, authPort = 0] = await freePorts(2);
  const certificate = await stackCertificate(folder);
  const listener = `127.0.0.1:${amqps}`;
  return { authPort, lines: partnerConfiguration(`http://127.0.0.1:${authPort}`, { ...certificate, listener }) };
}

async function prepareHome(
  { name, home, ports }: Member,
  first: string,
  secrets: Secrets,
  partners: readonly string[],
): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(path.join(home, '.erlang.cookie'), secrets.cookie, { mode: 0o400 });
  await writeFile(path.join(home, 'enabled_plugins'), partners.length > 0 ? PLUGINS : '[rabbitmq_management].\n');
  await writeFile(path.join(home, 'advanced.config'), ADVANCED);
  await writeFile(path.join(home, 'rabbitmq-env.conf'), '');
  const joins = name !== first;
  const definitions = path.join(home, 'definitions.json');
  // Queues come later: one that is declared while the first node is alone would live on it alone.
  const { queues, bindings, exchanges, policies, ...accounts } = definitionsWithUser(USER, secrets.rabbitmq);
  await writeFile(definitions, JSON.stringify(accounts), { mode: 0o600 });
  const lines = [
    `listeners.tcp.local = 127.0.0.1:${ports.amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.http}`,
    `max_message_size = ${MAX_MESSAGE_BYTES}`,
    'collect_statistics_interval = 1000',
    'cluster_partition_handling = pause_minority',
    'disk_free_limit.absolute = 50MB',
    ...partners,
    ...(joins
      ? [
          'cluster_formation.peer_discovery_backend = classic_config',
          `cluster_formation.classic_config.nodes.1 = ${first}`,
        ]
      : [`load_definitions = ${definitions}`]),
  ];
  await writeFile(path.join(home, 'rabbitmq.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
}
