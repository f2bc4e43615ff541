import type { Policy, Topology } from '@quarterhour/contracts';
import { definitionsOf } from './definitions.js';
import { BrokerApiError, InvalidBrokerUrlError } from './errors.js';

/** Where the HTTP API of RabbitMQ's management plugin is, and who asks. */
export interface RabbitApiOptions {
  /** Base URL, `http://host:15672`; may carry user and password. */
  url: string;
  /** Default: the user in the URL. */
  user?: string;
  password?: string;
  /** How long one call may take. Default 10,000. */
  timeoutMs?: number;
}

/** What a user may do in a virtual host: regular expressions over the names of exchanges and queues. */
export interface Permissions {
  configure: string;
  write: string;
  read: string;
}

/** How a queue stands. The broker samples counts every few seconds; a queue that is seconds old may read as empty. */
export interface QueueStatus {
  name: string;
  type: string;
  state: string;
  /** Ready and unsettled together. */
  messages: number;
  messagesReady: number;
  messagesUnsettled: number;
  consumers: number;
  arguments: Readonly<Record<string, unknown>>;
  /** Messages per second that come in, and that are handed to consumers, as the broker averages them. */
  publishRate: number;
  deliverRate: number;
  /**
   * Of a queue that is nearly full and drops its oldest: how many it has dropped since the broker began to count, give or
   * take what passed between two samples. Else 0.
   */
  dropped: number;
}

/** A client's connection. */
export interface ConnectionStatus {
  /** The broker's own name for it, to close it by. */
  name: string;
  /** What the client calls itself, or null. */
  clientName: string | null;
  vhost: string;
  user: string;
}

/** What is declared in a virtual host, except what the broker has there from the start. */
export interface Definitions {
  exchanges: readonly { name: string; type: string }[];
  queues: readonly { name: string; arguments: Readonly<Record<string, unknown>> }[];
  bindings: readonly { exchange: string; queue: string; routingKey: string }[];
  policies: readonly {
    name: string;
    pattern: string;
    applyTo: string;
    priority: number;
    definition: Readonly<Record<string, unknown>>;
  }[];
}

/** Who the broker is. */
export interface Overview {
  version: string;
  erlangVersion: string;
  /** Where it takes connections; AMQP is the last to be opened when it starts. */
  listeners: readonly { protocol: string; port: number }[];
}

/**
 * RabbitMQ's HTTP API. `put…` and `delete…` may be repeated: what is so already stays so.
 *
 * Every call throws {@link BrokerApiError}: with the status and the beginning of the body when the broker refused, with
 * status null when it did not answer in time or not in JSON.
 */
export interface RabbitApi {
  overview(): Promise<Overview>;
  putVhost(vhost: string): Promise<void>;
  /**
   * With all that is in it. Queues without a leader first, which would keep whoever removes a policy waiting; then policies, so that nothing moves dead letters any more when its queues vanish. In a queue
   * that is deleted within milliseconds of its making that fails twice, and the broker (3.10) then does without it, for all
   * virtual hosts and until it is started anew.
   */
  deleteVhost(vhost: string): Promise<void>;
  /** Names of all that the user may see, ours or not. */
  listVhosts(): Promise<string[]>;
  /** What a virtual host may hold, by the broker's names; what is not limited is not there. */
  getVhostLimits(vhost: string): Promise<Readonly<Record<string, number>>>;
  /** Sets limits as the broker names them, for example `max-connections`. */
  putVhostLimits(vhost: string, limits: Readonly<Record<string, number>>): Promise<void>;
  putUser(user: string, password: string, tags?: readonly string[]): Promise<void>;
  deleteUser(user: string): Promise<void>;
  putPermissions(vhost: string, user: string, permissions: Permissions): Promise<void>;
  putPolicy(vhost: string, policy: Policy): Promise<void>;
  deletePolicy(vhost: string, name: string): Promise<void>;
  /** Null when there is no such queue. */
  getQueue(vhost: string, queue: string): Promise<QueueStatus | null>;
  listQueues(vhost: string): Promise<QueueStatus[]>;
  deleteQueue(vhost: string, queue: string): Promise<void>;
  /**
   * Whether a message is ready in a queue at this moment, where a count is as old as the broker's last sample. Takes one and
   * gives it back, which counts against it as a failed delivery; false when there is no such queue.
   */
  hasReady(vhost: string, queue: string): Promise<boolean>;
  /**
   * Whether a queue answers within two seconds, or is not there. A quorum queue that was being made when the broker was killed (3.10) has no
   * leader and gets none: it takes nothing, it answers nobody, and it is in the way of whatever is done to its virtual host.
   */
  isAnswering(vhost: string, queue: string): Promise<boolean>;
  /** Declares all of it, with the policies, if any. What exists already stays, even where it exists otherwise. */
  declare(vhost: string, topology: Topology, policies?: readonly Policy[]): Promise<void>;
  deleteBinding(vhost: string, binding: Topology['bindings'][number]): Promise<void>;
  exportDefinitions(vhost: string): Promise<Definitions>;
  /** As `declare`, of definitions in RabbitMQ's own format. */
  importDefinitions(vhost: string, definitions: object): Promise<void>;
  listConnections(vhost: string): Promise<ConnectionStatus[]>;
  closeConnection(name: string, reason: string): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const ANSWERING_WITHIN_MS = 2_000;
/** Looks at one message that is ready, and leaves it there. */
const ONE_READY = { count: 1, ackmode: 'reject_requeue_true', encoding: 'base64', truncate: 1 };
const LONGEST_BODY = 500;
const NOT_FOUND = 404;
/** A queue drops before one more message would exceed its limit. */
const NEARLY_FULL = 0.9;

type Json = Readonly<Record<string, unknown>>;

/**
 * Makes a client; no call is made yet.
 *
 * @throws InvalidBrokerUrlError
 */
export function rabbitApi(options: RabbitApiOptions): RabbitApi {
  const call = caller(options);
  const put = (path: string, body?: Json) => call('PUT', path, { body }).then(() => undefined);
  const remove = (path: string) => unlessMissing(() => call('DELETE', path)).then(() => undefined);
  const get = (path: string) => call('GET', path);

  return {
    overview: async () => {
      const found = record(await get('overview'));
      return {
        version: text(found['rabbitmq_version']),
        erlangVersion: text(found['erlang_version']),
        listeners: list(found['listeners']).map((one) => ({
          protocol: text(one['protocol']),
          port: count(one['port']),
        })),
      };
    },
    putVhost: (vhost) => put(pathOf`vhosts/${vhost}`),
    deleteVhost: async (vhost) => {
      const queues = list((await unlessMissing(() => get(pathOf`queues/${vhost}`))) ?? []);
      const leaderless = queues.filter((one) => one['type'] === 'quorum' && one['messages'] === undefined);
      await Promise.all(leaderless.map((one) => remove(pathOf`queues/${vhost}/${text(one['name'])}`)));
      const policies = await unlessMissing(() => get(pathOf`policies/${vhost}`));
      for (const policy of list(policies ?? [])) await remove(pathOf`policies/${vhost}/${text(policy['name'])}`);
      await remove(pathOf`vhosts/${vhost}`);
    },
    listVhosts: async () => list(await get('vhosts')).map((one) => text(one['name'])),
    getVhostLimits: async (vhost) => {
      const [found = {}] = list(await get(pathOf`vhost-limits/${vhost}`));
      return Object.fromEntries(Object.entries(record(found['value'])).map(([name, value]) => [name, count(value)]));
    },
    putVhostLimits: async (vhost, limits) => {
      for (const [name, value] of Object.entries(limits)) await put(pathOf`vhost-limits/${vhost}/${name}`, { value });
    },
    putUser: (user, password, tags = []) => put(pathOf`users/${user}`, { password, tags: tags.join(',') }),
    deleteUser: (user) => remove(pathOf`users/${user}`),
    putPermissions: (vhost, user, { configure, write, read }) =>
      put(pathOf`permissions/${vhost}/${user}`, { configure, write, read }),
    putPolicy: (vhost, { name, pattern, applyTo, priority, definition }) =>
      put(pathOf`policies/${vhost}/${name}`, { pattern, 'apply-to': applyTo, priority, definition }),
    deletePolicy: (vhost, name) => remove(pathOf`policies/${vhost}/${name}`),
    getQueue: async (vhost, queue) => {
      const found = await unlessMissing(() => get(pathOf`queues/${vhost}/${queue}`));
      return found === null ? null : queueStatus(record(found));
    },
    listQueues: async (vhost) => list(await get(pathOf`queues/${vhost}`)).map(queueStatus),
    deleteQueue: (vhost, queue) => remove(pathOf`queues/${vhost}/${queue}`),
    hasReady: async (vhost, queue) => {
      const found = await unlessMissing(() => call('POST', pathOf`queues/${vhost}/${queue}/get`, { body: ONE_READY }));
      return list(found ?? []).length > 0;
    },
    isAnswering: async (vhost, queue) => {
      try {
        const options = { body: ONE_READY, timeoutMs: ANSWERING_WITHIN_MS };
        await unlessMissing(() => call('POST', pathOf`queues/${vhost}/${queue}/get`, options));
        return true;
      } catch (error) {
        if (error instanceof BrokerApiError && error.status === null) return false;
        throw error;
      }
    },
    declare: async (vhost, topology, policies) => {
      await call('POST', pathOf`definitions/${vhost}`, { body: record(definitionsOf(topology, policies)) });
    },
    deleteBinding: async (vhost, { exchange, queue, routingKey }) => {
      const bindings = pathOf`bindings/${vhost}/e/${exchange}/q/${queue}`;
      const found = list(await unlessMissing(() => get(bindings)));
      // One binding has an address of the broker's making.
      const doomed = found.filter((one) => one['routing_key'] === routingKey).map((one) => text(one['properties_key']));
      for (const key of doomed) await remove(bindings + pathOf`/${key}`);
    },
    exportDefinitions: async (vhost) => definitions(record(await get(pathOf`definitions/${vhost}`))),
    importDefinitions: async (vhost, wanted) => {
      await call('POST', pathOf`definitions/${vhost}`, { body: record(wanted) });
    },
    listConnections: async (vhost) => list(await get(pathOf`vhosts/${vhost}/connections`)).map(connectionStatus),
    closeConnection: async (name, reason) => {
      await unlessMissing(() => call('DELETE', pathOf`connections/${name}`, { headers: { 'x-reason': reason } }));
    },
  };
}

interface CallOptions {
  readonly body?: Json | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the client's. */
  readonly timeoutMs?: number;
}

type Call = (method: string, path: string, options?: CallOptions) => Promise<unknown>;

function caller({ url, user, password, timeoutMs: usualTimeoutMs = TIMEOUT_MS }: RabbitApiOptions): Call {
  const base = parsedUrl(url);
  const name = user ?? decodeURIComponent(base.username);
  const word = password ?? decodeURIComponent(base.password);
  const authorization = `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`;
  const root = `${base.origin}${base.pathname.replace(/\/$/, '')}/api/`;

  return async (method, path, { body, headers = {}, timeoutMs = usualTimeoutMs } = {}) => {
    const request = `${method} /api/${path}`;
    try {
      const response = await fetch(root + path, {
        method,
        headers: { authorization, 'content-type': 'application/json', ...headers },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = await response.text();
      if (!response.ok) {
        throw new BrokerApiError(request, { status: response.status, body: answer.slice(0, LONGEST_BODY) });
      }
      return answer === '' ? null : parse(answer);
    } catch (error) {
      if (error instanceof BrokerApiError) throw error;
      throw new BrokerApiError(request, { status: null, body: '' }, { cause: error });
    }
  };
}

function parsedUrl(url: string): URL {
  const isUsable = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  if (!isUsable) throw new InvalidBrokerUrlError("expected the base URL of the broker's HTTP API");
  return new URL(url);
}

function pathOf(pieces: TemplateStringsArray, ...names: readonly string[]): string {
  return pieces.reduce((path, piece, index) => path + encodeURIComponent(names[index - 1] ?? '') + piece);
}

async function unlessMissing(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof BrokerApiError && error.status === NOT_FOUND) return null;
    throw error;
  }
}

function queueStatus(found: Json): QueueStatus {
  return {
    name: text(found['name']),
    type: text(found['type']),
    state: text(found['state']),
    messages: count(found['messages']),
    messagesReady: count(found['messages_ready']),
    messagesUnsettled: count(found['messages_unacknowledged']),
    consumers: count(found['consumers']),
    arguments: record(found['arguments']),
    publishRate: rate(found, 'publish_details'),
    deliverRate: rate(found, 'deliver_get_details'),
    dropped: droppedBy(found),
  };
}

/** What came in, and was neither taken nor is there. The broker samples the two at different moments: only what is full tells. */
function droppedBy(queue: Json): number {
  const limits = record(queue['effective_policy_definition']);
  const most = count(limits['max-length-bytes']);
  if (limits['overflow'] !== 'drop-head' || most === 0 || count(queue['message_bytes']) < NEARLY_FULL * most) return 0;
  const stats = record(queue['message_stats']);
  const taken = count(stats['ack']) + count(stats['deliver_no_ack']) + count(stats['get_no_ack']);
  return Math.max(0, count(stats['publish']) - taken - count(queue['messages']));
}

function rate(queue: Json, details: string): number {
  return count(record(record(queue['message_stats'])[details])['rate']);
}

function connectionStatus(found: Json): ConnectionStatus {
  const clientName = record(found['client_properties'])['connection_name'];
  return {
    name: text(found['name']),
    clientName: typeof clientName === 'string' ? clientName : null,
    vhost: text(found['vhost']),
    user: text(found['user']),
  };
}

function definitions(found: Json): Definitions {
  return {
    exchanges: list(found['exchanges']).map((one) => ({ name: text(one['name']), type: text(one['type']) })),
    queues: list(found['queues']).map((one) => ({ name: text(one['name']), arguments: record(one['arguments']) })),
    bindings: list(found['bindings'])
      .filter((one) => one['destination_type'] === 'queue')
      .map((one) => ({
        exchange: text(one['source']),
        queue: text(one['destination']),
        routingKey: text(one['routing_key']),
      })),
    policies: list(found['policies']).map((one) => ({
      name: text(one['name']),
      pattern: text(one['pattern']),
      applyTo: text(one['apply-to']),
      priority: count(one['priority']),
      definition: record(one['definition']),
    })),
  };
}

function parse(answer: string): unknown {
  return JSON.parse(answer);
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The broker leaves a count out until it has first sampled it. */
function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
