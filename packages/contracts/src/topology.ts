/**
 * Every exchange, queue, binding and policy of the broker, named once.
 *
 * Queues that hold something are durable quorum queues and `x-queue-type` is their only argument; everything that may
 * change travels in the policy, because arguments cannot be changed on a queue that exists.
 */

/** Virtual host of everything that is ours. */
export const VHOST = 'quarterhour';

/** Exchanges, all durable and of type topic. */
export const EXCHANGES = {
  dispatch: 'dispatch',
  fleet: 'fleet',
  vcp: 'vcp',
  trading: 'trading',
  dead: 'ingest.dead',
} as const;

/** Queues that exist whatever partners there are. */
export const QUEUES = {
  dispatch: 'ingest.dispatch',
  fleetTelemetry: 'ingest.fleet.telemetry',
  assetStatus: 'ingest.fleet.status',
  /** What plants did with their commands. */
  fleetAnswers: 'ingest.fleet.answers',
  tradingConfig: 'ingest.trading.config',
  dead: 'ingest.dead',
  /** The newest events of the register, for whoever looks; those who follow it bind a queue of their own. */
  registryEvents: 'fleet.registry',
  /** Telemetry once more, of plants whose partners are told of it; bound by whoever tells them, one by one. */
  fanOut: 'fanout.telemetry',
  /** Commands on their way to plant gateways. Those that nobody fetches soon are gone: a plant must not act late. */
  fleetCommands: 'fleet.commands',
} as const;

/** A partner's queue prefix: one word of a routing key, 2 to 50 characters, no hyphen at either end. */
export const QUEUE_PREFIX_PATTERN = /^[a-z0-9][a-z0-9-]{0,48}[a-z0-9]$/;

/** Arguments of a queue; they cannot be changed once it exists. */
export type QueueArguments = Readonly<Record<string, string | number>>;

/** Arguments of every queue that holds something. */
export const QUORUM: QueueArguments = { 'x-queue-type': 'quorum' };

export interface Topology {
  readonly exchanges: readonly { readonly name: string; readonly type: 'topic' }[];
  /** Without arguments of its own a queue is a quorum queue and has no other argument. */
  readonly queues: readonly { readonly name: string; readonly arguments?: QueueArguments }[];
  readonly bindings: readonly { readonly exchange: string; readonly queue: string; readonly routingKey: string }[];
}

export interface Policy {
  readonly name: string;
  readonly pattern: string;
  readonly applyTo: 'queues';
  readonly priority: number;
  readonly definition: Readonly<Record<string, string | number>>;
}

/** What is declared in {@link VHOST} whether or not a partner exists. */
export function staticTopology(): Topology {
  return {
    exchanges: Object.values(EXCHANGES).map((name) => ({ name, type: 'topic' as const })),
    queues: Object.values(QUEUES).map((name) => ({ name })),
    bindings: [
      { exchange: EXCHANGES.dispatch, queue: QUEUES.dispatch, routingKey: 'dispatch.#' },
      { exchange: EXCHANGES.fleet, queue: QUEUES.fleetTelemetry, routingKey: 'telemetry.#' },
      { exchange: EXCHANGES.fleet, queue: QUEUES.assetStatus, routingKey: 'status.#' },
      { exchange: EXCHANGES.fleet, queue: QUEUES.fleetAnswers, routingKey: 'answer.*' },
      { exchange: EXCHANGES.fleet, queue: QUEUES.fleetCommands, routingKey: 'command.*' },
      { exchange: EXCHANGES.fleet, queue: QUEUES.registryEvents, routingKey: 'asset.event.*' },
      { exchange: EXCHANGES.trading, queue: QUEUES.tradingConfig, routingKey: 'trading.config.*' },
      { exchange: EXCHANGES.dead, queue: QUEUES.dead, routingKey: '#' },
    ],
  };
}

/**
 * What one partner publishes to: its telemetry and its config.
 *
 * @param prefix the organisation's queue prefix
 * @throws RangeError when the prefix could not be one word of a routing key
 */
export function partnerTopology(prefix: string): Topology {
  const telemetry = partnerTelemetryQueue(prefix);
  const config = partnerConfigQueue(prefix);
  return {
    exchanges: [{ name: EXCHANGES.vcp, type: 'topic' }],
    queues: [{ name: telemetry }, { name: config }],
    bindings: [
      { exchange: EXCHANGES.vcp, queue: telemetry, routingKey: `${prefix}.telemetry.#` },
      { exchange: EXCHANGES.vcp, queue: config, routingKey: `${prefix}.config.#` },
    ],
  };
}

/** Queue of one partner's telemetry. @throws RangeError on a malformed prefix */
export function partnerTelemetryQueue(prefix: string): string {
  return partnerQueue(prefix, 'telemetry');
}

/** Queue of one partner's config. @throws RangeError on a malformed prefix */
export function partnerConfigQueue(prefix: string): string {
  return partnerQueue(prefix, 'config');
}

function partnerQueue(prefix: string, family: string): string {
  if (!QUEUE_PREFIX_PATTERN.test(prefix)) {
    throw new RangeError(`queue prefix ${JSON.stringify(prefix)} does not match ${QUEUE_PREFIX_PATTERN.source}`);
  }
  return `vcp.${prefix}.${family}`;
}

/**
 * Second queue of a partner's telemetry in its own virtual host: what is in it is told to the partner's keys, and stored
 * nowhere.
 *
 * @throws RangeError on a malformed prefix
 */
export function fanOutQueue(prefix: string): string {
  return partnerQueue(prefix, 'fanout');
}

/**
 * How a partner's telemetry gets into {@link fanOutQueue}, or in our own virtual host into `QUEUES.fanOut`. Always bound after
 * the queue that is stored, and unbound with it: nothing may be confirmed that only fan-out has.
 *
 * @throws RangeError on a malformed prefix
 */
export function fanOutBinding(prefix: string, queue: string): Topology['bindings'][number] {
  return { exchange: EXCHANGES.vcp, queue, routingKey: inboundQueue(prefix, 'telemetry').routingKey };
}

/** How telemetry that our gateways publish of one plant gets into `QUEUES.fanOut`. */
export function fleetFanOutBinding(plantId: string): Topology['bindings'][number] {
  return { exchange: EXCHANGES.fleet, queue: QUEUES.fanOut, routingKey: `telemetry.*.${plantId}` };
}

/** Routing key under which a partner is told of a plant's telemetry. `siteId` is the plant's own id. */
export function telemetryEventKey(prefix: string, kind: 'realtime' | 'meter', siteId: string): string {
  return `${prefix}.event.telemetry.${kind}.${siteId}`;
}

/** Routing key of a dispatch command. */
export function dispatchKey(assetId: string): string {
  return `dispatch.${assetId}`;
}

/** Routing key under which a partner publishes telemetry of a plant. */
export function partnerTelemetryKey(prefix: string, kind: 'realtime' | 'meter', siteId: string): string {
  return `${prefix}.telemetry.${kind}.${siteId}`;
}

/** Routing key under which a partner publishes config of a plant, for example constraints. */
export function partnerConfigKey(prefix: string, subject: string, siteId: string): string {
  return `${prefix}.config.${subject}.${siteId}`;
}

/** Routing key of a control plane's trading event, for example `trading.config.enabled`. */
export function tradingConfigKey(kind: string): string {
  return `trading.config.${kind}`;
}

/** Routing key under which our own gateways publish telemetry of a plant. */
export function fleetTelemetryKey(kind: 'realtime' | 'meter', plantId: string): string {
  return `telemetry.${kind}.${plantId}`;
}

/** Routing key under which a plant's gateway is told what to do. */
export function plantCommandKey(plantId: string): string {
  return `command.${plantId}`;
}

/** Routing key under which a plant's gateway says what was done. */
export function plantAnswerKey(plantId: string): string {
  return `answer.${plantId}`;
}

/** What a partner commands, the words after `{prefix}.command.`. */
export const COMMAND_SUBJECTS = ['site-setpoint', 'device', 'mode', 'emergency'] as const;
export type CommandSubject = (typeof COMMAND_SUBJECTS)[number];

/** What a partner does with schedules, the word after `{prefix}.schedule.`. */
export const SCHEDULE_SUBJECTS = ['create', 'cancel'] as const;
export type ScheduleSubject = (typeof SCHEDULE_SUBJECTS)[number];

/** Routing key under which a partner commands. */
export function partnerCommandKey(prefix: string, subject: CommandSubject): string {
  return `${prefix}.command.${subject}`;
}

/** Routing key under which a partner makes or ends a schedule. */
export function partnerScheduleKey(prefix: string, subject: ScheduleSubject): string {
  return `${prefix}.schedule.${subject}`;
}

/** Routing key under which a partner hears whether its command was taken. */
export function commandAckKey(prefix: string): string {
  return `${prefix}.event.command.ack`;
}

/** Routing key under which a partner hears what became of its command. */
export function executionKey(prefix: string): string {
  return `${prefix}.event.execution`;
}

/** Routing key under which a partner hears of alarms. */
export function alarmKey(prefix: string): string {
  return `${prefix}.event.alarm`;
}

/** Routing key under which the status of an asset is published. */
export function assetStatusKey(assetId: string): string {
  return `status.${assetId}`;
}

/** Routing key under which we publish what happened to an asset in the register. */
export function assetEventKey(change: string): string {
  return `asset.event.${change}`;
}

/**
 * Largest message that the broker takes, in bytes: four times what any stream reads, so that a body that is too long is
 * still kept and explained, while a far longer one never reaches a worker.
 */
export const MAX_MESSAGE_BYTES = 1_048_576;

const GIBIBYTE = 1024 ** 3;

/**
 * The policy of our own virtual host for every queue that we take from.
 *
 * A message that the broker gives up on goes to `ingest.dead` and is confirmed there before it leaves its queue; a full
 * queue refuses the publisher instead of dropping anything.
 */
export const INGEST_POLICY: Policy = {
  name: 'ingest',
  pattern: '^(ingest\\.(dispatch|trading\\.config|fleet\\..+)|vcp\\.[a-z0-9-]+\\.(telemetry|config))$',
  applyTo: 'queues',
  priority: 1,
  definition: {
    'dead-letter-exchange': EXCHANGES.dead,
    'dead-letter-strategy': 'at-least-once',
    overflow: 'reject-publish',
    'delivery-limit': 100,
    'max-length-bytes': GIBIBYTE,
  },
};

const MEBIBYTE = 1024 ** 2;

/** Of the register's events the newest are kept: nobody has to read them, and whoever missed some reads the register. */
export const REGISTRY_POLICY: Policy = {
  name: 'registry',
  pattern: '^fleet\\.registry$',
  applyTo: 'queues',
  priority: 1,
  definition: { overflow: 'drop-head', 'max-length-bytes': 16 * MEBIBYTE },
};

/** What is fanned out is stored elsewhere: when nobody takes it, the oldest goes, and no publisher is held up. */
const FAN_OUT_LIMITS = { overflow: 'drop-head', 'delivery-limit': 100, 'max-length-bytes': 256 * MEBIBYTE } as const;

/** Of telemetry that partners are still to be told of. */
export const FAN_OUT_POLICY: Policy = {
  name: 'fan-out',
  pattern: '^fanout\\.telemetry$',
  applyTo: 'queues',
  priority: 1,
  definition: FAN_OUT_LIMITS,
};

/** A command that no gateway fetches within a minute is not worth carrying out, and nobody is to find it anywhere else. */
export const FLEET_COMMANDS_POLICY: Policy = {
  name: 'fleet-commands',
  pattern: '^fleet\\.commands$',
  applyTo: 'queues',
  priority: 1,
  definition: { overflow: 'reject-publish', 'message-ttl': 60_000, 'max-length-bytes': 64 * MEBIBYTE },
};

/** The policies of our own virtual host. */
export const CENTRAL_POLICIES: readonly Policy[] = [
  INGEST_POLICY,
  REGISTRY_POLICY,
  FLEET_COMMANDS_POLICY,
  FAN_OUT_POLICY,
];

/** Whether a binding of a topic exchange takes a routing key: `*` stands for one word, `#` for any number, none included. */
export function isBoundBy(binding: string, routingKey: string): boolean {
  return matchesWords(binding.split('.'), routingKey.split('.'));
}

function matchesWords([pattern, ...patterns]: readonly string[], words: readonly string[]): boolean {
  if (pattern === undefined) return words.length === 0;
  const [word, ...others] = words;
  if (pattern === '#')
    return matchesWords(patterns, words) || (word !== undefined && matchesWords([pattern, ...patterns], others));
  return word !== undefined && (pattern === '*' || pattern === word) && matchesWords(patterns, others);
}

const PARTNER_VHOST_START = 'partner-';

/**
 * Virtual host of one API key, whose holder is the only partner that may enter it.
 *
 * @param keyId the key's id, a UUID
 */
export function partnerVhost(keyId: string): string {
  return `${PARTNER_VHOST_START}${keyId}`;
}

/** The API key whose virtual host this is, null when it is nobody's. Says nothing about whether there is such a key. */
export function keyIdOfVhost(vhost: string): string | null {
  return vhost.startsWith(PARTNER_VHOST_START) ? vhost.slice(PARTNER_VHOST_START.length) : null;
}

/** What a partner sends us, by the second word of its routing keys. */
export const INBOUND_FAMILIES = ['command', 'schedule', 'config', 'telemetry'] as const;
export type InboundFamily = (typeof INBOUND_FAMILIES)[number];

/** What we send a partner, by the last word of its queue. */
export const OUTBOUND_FAMILIES = ['telemetry', 'status', 'execution', 'alarm'] as const;
export type OutboundFamily = (typeof OUTBOUND_FAMILIES)[number];

/** One queue of a partner's virtual host. `inbound` is what the partner publishes, `outbound` what it reads. */
export interface PartnerQueue {
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  /** With which it is bound to {@link EXCHANGES}.vcp; may end in `#` or `*`. */
  readonly routingKey: string;
}

/** @throws RangeError on a malformed prefix */
export function inboundQueue(prefix: string, family: InboundFamily): PartnerQueue {
  const words = family === 'schedule' ? '*' : '#';
  return { name: partnerQueue(prefix, family), direction: 'inbound', routingKey: `${prefix}.${family}.${words}` };
}

const OUTBOUND_WORDS: Readonly<Record<OutboundFamily, string>> = {
  telemetry: 'telemetry.#',
  status: 'command.ack',
  execution: 'execution',
  alarm: 'alarm',
};

/** @throws RangeError on a malformed prefix */
export function outboundQueue(prefix: string, family: OutboundFamily): PartnerQueue {
  return {
    name: partnerQueue(prefix, `event.${family}`),
    direction: 'outbound',
    routingKey: `${prefix}.event.${OUTBOUND_WORDS[family]}`,
  };
}

/** The eight queues between a partner and us. @throws RangeError on a malformed prefix */
export function partnerQueues(prefix: string): readonly PartnerQueue[] {
  return [
    ...INBOUND_FAMILIES.map((family) => inboundQueue(prefix, family)),
    ...OUTBOUND_FAMILIES.map((family) => outboundQueue(prefix, family)),
  ];
}

/**
 * What is declared in {@link partnerVhost}: the partner's eight queues, the one that its telemetry is fanned out from, and
 * where the broker puts what it gives up on.
 *
 * @param prefix the organisation's queue prefix
 * @throws RangeError when the prefix could not be one word of a routing key
 */
export function partnerVhostTopology(prefix: string): Topology {
  const queues = partnerQueues(prefix);
  return {
    exchanges: [EXCHANGES.vcp, EXCHANGES.dead].map((name) => ({ name, type: 'topic' as const })),
    queues: [...queues.map(({ name }) => ({ name })), { name: fanOutQueue(prefix) }, { name: QUEUES.dead }],
    bindings: [
      ...queues.map(({ name, routingKey }) => ({ exchange: EXCHANGES.vcp, queue: name, routingKey })),
      fanOutBinding(prefix, fanOutQueue(prefix)),
      { exchange: EXCHANGES.dead, queue: QUEUES.dead, routingKey: '#' },
    ],
  };
}

/**
 * The policies of every partner's virtual host.
 *
 * What a partner sends is treated as in {@link INGEST_POLICY}, within less room. What we send it drops its oldest when the
 * partner does not read: the newest telemetry is worth most, and one partner's absence must not fill the disk of all.
 */
export const PARTNER_POLICIES: readonly Policy[] = [
  {
    name: 'ingest',
    pattern: '^vcp\\.[a-z0-9-]+\\.(command|schedule|config|telemetry)$',
    applyTo: 'queues',
    priority: 1,
    definition: { ...INGEST_POLICY.definition, 'max-length-bytes': 256 * MEBIBYTE },
  },
  {
    name: 'outbound',
    pattern: '^vcp\\.[a-z0-9-]+\\.event\\.[a-z]+$',
    applyTo: 'queues',
    priority: 1,
    definition: { overflow: 'drop-head', 'delivery-limit': 100, 'max-length-bytes': 256 * MEBIBYTE },
  },
  { ...FAN_OUT_POLICY, pattern: '^vcp\\.[a-z0-9-]+\\.fanout$' },
];

/**
 * Queue that refuses all that reaches it, so that publishers get a nack. It holds nothing, ever.
 *
 * Only a classic queue judges before it takes: a quorum queue that is limited to no message takes whatever its consumers
 * have room for.
 *
 * @throws RangeError on a malformed prefix
 */
export function refusingQueue(prefix: string): string {
  return partnerQueue(prefix, 'refused');
}

/**
 * What refuses a partner's messages, in whichever virtual host it is declared. Once it is there, the bindings of
 * {@link inboundQueue} can be taken away: no message is without a queue at any time, so none is confirmed and lost.
 *
 * @param families what is refused; all that the partner publishes, unless told otherwise
 * @throws RangeError on a malformed prefix
 */
export function refusalTopology(prefix: string, families: readonly InboundFamily[] = INBOUND_FAMILIES): Topology {
  const queue = refusingQueue(prefix);
  return {
    exchanges: [{ name: EXCHANGES.vcp, type: 'topic' }],
    queues: [
      { name: queue, arguments: { 'x-queue-type': 'classic', 'x-max-length': 0, 'x-overflow': 'reject-publish' } },
    ],
    bindings: families.map((family) => ({
      exchange: EXCHANGES.vcp,
      queue,
      routingKey: inboundQueue(prefix, family).routingKey,
    })),
  };
}

/**
 * What a partner's virtual host may hold, as the broker's limits are named. Queues: those of {@link partnerVhostTopology}
 * and the one of {@link refusalTopology}. Connections: the partner's, and a pair of each of our workers.
 */
export const PARTNER_VHOST_LIMITS = { 'max-connections': 50, 'max-queues': 11 } as const;
