/**
 * Every exchange, queue, binding and policy of the broker, named once.
 *
 * Durable queues are quorum queues and `x-queue-type` is their only argument; everything that may change travels in the
 * policy, because arguments cannot be changed on a queue that exists.
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
  tradingConfig: 'ingest.trading.config',
  dead: 'ingest.dead',
} as const;

/** A partner's queue prefix: one word of a routing key, 2 to 50 characters, no hyphen at either end. */
export const QUEUE_PREFIX_PATTERN = /^[a-z0-9][a-z0-9-]{0,48}[a-z0-9]$/;

export interface Topology {
  readonly exchanges: readonly { readonly name: string; readonly type: 'topic' }[];
  readonly queues: readonly { readonly name: string }[];
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

function partnerQueue(prefix: string, family: 'telemetry' | 'config'): string {
  if (!QUEUE_PREFIX_PATTERN.test(prefix)) {
    throw new RangeError(`queue prefix ${JSON.stringify(prefix)} does not match ${QUEUE_PREFIX_PATTERN.source}`);
  }
  return `vcp.${prefix}.${family}`;
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

/**
 * Largest message that the broker takes, in bytes: four times what any stream reads, so that a body that is too long is
 * still kept and explained, while a far longer one never reaches a worker.
 */
export const MAX_MESSAGE_BYTES = 1_048_576;

const GIBIBYTE = 1024 ** 3;

/**
 * The one policy of the vhost, for every queue that we take from.
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
