import type { Topology } from '@quarterhour/contracts';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection.js';
import { SupervisedConsumer } from './consumer.js';
import type { ConsumeOptions, Consumer, ConsumerState } from './consumer.js';
import { ConfirmedPublisher } from './publisher.js';
import type { Publisher, PublisherOptions, PublisherState } from './publisher.js';
import type { BrokerEvent, Log, Reporting } from './reporting.js';
import { endsWithin } from './timing.js';
import { askDepth, declareTopology, removeBindings } from './topology.js';
import type { QueueDepth } from './topology.js';

/** What {@link openBroker} needs. */
export interface BrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:`. Never logged. */
  url: string;
  /** Shown by the broker among its connections, and written into messages as their `appId`. */
  applicationName: string;
  log: Log;
  /** Called for everything worth counting; must not throw. */
  onEvent?: (event: BrokerEvent) => void;
  /** How long to wait for a broker that does not answer at the start. Default 60,000 ms; `Infinity` waits for ever. */
  connectWithinMs?: number;
  /**
   * How long a virtual host may let us not in before that counts as a refusal: it may be down for a moment while the
   * broker starts, one that is missing or not ours stays so. Default 4,000 ms.
   */
  shutOutMs?: number;
  /** Ends that wait early. */
  signal?: AbortSignal;
}

/** How things stand, as plain JSON. */
export interface BrokerState {
  /** The connection that consumes and declares. */
  consume: ConnectionState;
  /** The connection that publishes; `idle` until a publisher is asked for. */
  publish: ConnectionState | 'idle';
  /** Why the broker takes no messages at the moment, or null. */
  blockedBy: string | null;
  consumers: readonly { queue: string; state: ConsumerState }[];
  publishers: readonly PublisherState[];
}

/**
 * One broker, through two connections: one consumes, one publishes, so that a broker that holds publishers back goes on
 * taking acknowledgements. Both come back by themselves.
 */
export interface Broker {
  /**
   * Makes sure that these exchanges, quorum queues and bindings exist; changes nothing that exists.
   *
   * @throws TopologyMismatchError naming what exists with other properties; everything else has been declared
   */
  declare(topology: Topology): Promise<void>;
  /** Takes bindings away; one that is not there is no error. */
  unbind(bindings: Topology['bindings']): Promise<void>;
  /**
   * Begins to consume. Resolves when the first attempt to subscribe has ended, or after five seconds without a broker: a
   * queue that is missing, or not ours to read, is tried again for ever, and the consumer says `recovering`.
   */
  consume(options: ConsumeOptions): Promise<Consumer>;
  /**
   * How much a queue holds, asked on a channel of its own, so that the answer disturbs nobody.
   *
   * @returns null when there is no such queue
   * @throws BrokerUnreachableError when no answer came within five seconds
   */
  depthOf(queue: string): Promise<QueueDepth | null>;
  /**
   * Ends the connection that consumes, so that another is made: what is not settled comes again. For when the broker and
   * we disagree about what is consumed.
   */
  reconnect(): Promise<void>;
  /** A new publisher; opens the publishing connection when it is the first. */
  publisher(options?: PublisherOptions): Publisher;
  state(): BrokerState;
  /** Closes publishers, consumers and connections; what is not settled goes back to its queues. Never takes long. */
  close(): Promise<void>;
}

const CONNECT_WITHIN_MS = 60_000;
const SHUT_OUT_MS = 4_000;
const FIRST_ATTEMPT_MS = 5_000;

/**
 * Connects, and waits for a broker that is not there yet.
 *
 * @throws InvalidBrokerUrlError
 * @throws BrokerRefusedError when user or password are wrong (at once), or the virtual host is (after some seconds)
 * @throws BrokerUnreachableError when no broker answered in time
 * @throws BrokerClosedError when the signal was aborted first
 */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { url, applicationName, log, onEvent = () => undefined, signal } = options;
  const reporting: Reporting = { log, onEvent };
  const consuming = new Connection({ url, name: `${applicationName}: consume` }, reporting);
  await consuming.firstConnected({
    withinMs: options.connectWithinMs ?? CONNECT_WITHIN_MS,
    shutOutMs: options.shutOutMs ?? SHUT_OUT_MS,
    signal,
  });
  const openPublishing = () => new Connection({ url, name: `${applicationName}: publish` }, reporting);
  return new ConnectedBroker(consuming, openPublishing, applicationName, reporting);
}

class ConnectedBroker implements Broker {
  readonly #consuming: Connection;
  readonly #openPublishing: () => Connection;
  readonly #appId: string;
  readonly #reporting: Reporting;
  readonly #consumers = new Set<SupervisedConsumer>();
  readonly #publishers = new Set<ConfirmedPublisher>();
  #publishing: Connection | null = null;

  constructor(consuming: Connection, openPublishing: () => Connection, appId: string, reporting: Reporting) {
    this.#consuming = consuming;
    this.#openPublishing = openPublishing;
    this.#appId = appId;
    this.#reporting = reporting;
  }

  declare(topology: Topology): Promise<void> {
    return declareTopology(this.#consuming, topology);
  }

  unbind(bindings: Topology['bindings']): Promise<void> {
    return removeBindings(this.#consuming, bindings);
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const consumer = new SupervisedConsumer(this.#consuming, options, this.#reporting);
    consumer.onClosed(() => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    await endsWithin(FIRST_ATTEMPT_MS, consumer.firstAttempt);
    return consumer;
  }

  depthOf(queue: string): Promise<QueueDepth | null> {
    return askDepth(this.#consuming, queue);
  }

  reconnect(): Promise<void> {
    return this.#consuming.reconnect();
  }

  publisher(options: PublisherOptions = {}): Publisher {
    this.#publishing ??= this.#openForPublishers();
    const publisher = new ConfirmedPublisher(this.#publishing, this.#appId, options, this.#reporting);
    publisher.onClosed(() => this.#publishers.delete(publisher));
    this.#publishers.add(publisher);
    return publisher;
  }

  state(): BrokerState {
    return {
      consume: this.#consuming.state,
      publish: this.#publishing?.state ?? 'idle',
      blockedBy: this.#publishing?.blockedBy ?? null,
      consumers: [...this.#consumers].map(({ queue, state }) => ({ queue, state })),
      publishers: [...this.#publishers].map((publisher) => publisher.state()),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#publishers, ...this.#consumers].map((user) => user.close()));
    await Promise.all([this.#publishing?.close(), this.#consuming.close()]);
  }

  #openForPublishers(): Connection {
    const connection = this.#openPublishing();
    connection.onBlockedChange(() => {
      for (const publisher of this.#publishers) publisher.blockedChanged();
    });
    return connection;
  }
}
