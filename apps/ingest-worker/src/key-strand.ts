import { partnerVhost } from '@quarterhour/contracts';
import { BrokerUnreachableError, openBroker, type Broker, type Publisher } from '@quarterhour/messaging';
import type { Clock, Logger } from '@quarterhour/runtime';
import type { AtMost } from './at-most.js';
import { LANE_WINDOW } from './fan-out/lane.js';
import { SEND_WITHIN_MS } from './outbox/publishers.js';
import type { PartnerQueues } from './partner-queues.js';
import type { PartnerStrand, Wish } from './partner-strand.js';
import type { Source } from './source.js';
import { Watchdog } from './watchdog.js';

const CONNECT_WITHIN_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
/** A virtual host is there a moment after its key, and goes a moment before we hear of it. */
const PATIENCE_MS = 30_000;

export interface KeyStrandContext {
  /** Of our own virtual host: the partners' are on the same broker, and we are the same user there. */
  readonly amqpUrl: string;
  readonly applicationName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly atMost: AtMost;
  readonly stopping: AbortSignal;
  /** Without the key's signing key nobody can say who commands. @throws when it cannot be had */
  readonly assertVerifies: (orgId: string, keyId: string) => void;
}

/** What there is while the virtual host lets us in. */
interface Line {
  readonly broker: Broker;
  readonly source: Source;
  publisher: Publisher | null;
  /** On a channel of its own: telemetry that piles up keeps no answer waiting. */
  fanOut: Publisher | null;
}

/**
 * The virtual host of one key: a pair of connections of its own, one of which is opened when there is something to publish.
 *
 * A virtual host that is not there, or not ours to enter, is tried again, less and less often. Once it was entered the
 * connection comes back by itself, until somebody says that the key is gone.
 */
export class KeyStrand implements PartnerStrand {
  readonly name: string;
  readonly patienceMs = PATIENCE_MS;
  readonly #ctx: KeyStrandContext;
  readonly #orgId: string;
  readonly #keyId: string;
  readonly #queues: PartnerQueues;
  #line: Line | null = null;
  #failures = 0;
  #nextTry = -Infinity;
  #lastError: unknown;
  #isWornOut = false;

  constructor(
    ctx: KeyStrandContext,
    { keyId, orgId }: { readonly keyId: string; readonly orgId: string },
    queues: PartnerQueues,
  ) {
    this.name = partnerVhost(keyId);
    this.#ctx = ctx;
    this.#orgId = orgId;
    this.#keyId = keyId;
    this.#queues = queues;
  }

  async follow({ consumes }: Wish): Promise<void> {
    if (this.#isWornOut) await this.leave();
    const { source, broker } = (this.#line ??= await this.#open());
    if (broker.state().consume !== 'connected') {
      throw new BrokerUnreachableError(`the connection to ${this.name} is lost`);
    }
    await this.#queues.consumeDead(source);
    await this.#queues.consumeFanOut(source);
    const unverifiable = this.#unverifiable();
    if (unverifiable === null) await this.#queues.consumeCommands(source);
    else await this.#queues.releaseCommands(source);
    if (consumes) await this.#queues.consume(source);
    else await this.#queues.release(source);
    if (unverifiable !== null) throw unverifiable;
  }

  /** What stands in the way of verifying commands: they stay where they are, and it is said. */
  #unverifiable(): Error | null {
    try {
      this.#ctx.assertVerifies(this.#orgId, this.#keyId);
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error('no signing key', { cause: error });
    }
  }

  async leave(): Promise<void> {
    const line = this.#line;
    if (line === null) return;
    await Promise.all([
      this.#queues.release(line.source),
      this.#queues.releaseCommands(line.source),
      this.#queues.releaseDead(line.source),
      this.#queues.releaseFanOut(line.source),
    ]);
    this.#line = null;
    this.#isWornOut = false;
    await line.broker.close();
  }

  /** For whoever has something for the partner; null while the virtual host does not let us in. */
  get publisher(): Publisher | null {
    const line = this.#line;
    if (line?.broker.state().consume !== 'connected') return null;
    line.publisher ??= line.broker.publisher({ sendWithinMs: SEND_WITHIN_MS });
    return line.publisher;
  }

  /** For telemetry that the partner is told of; null while the virtual host does not let us in. */
  get fanOutPublisher(): Publisher | null {
    const line = this.#line;
    if (line?.broker.state().consume !== 'connected') return null;
    line.fanOut ??= line.broker.publisher({ window: LANE_WINDOW, sendWithinMs: SEND_WITHIN_MS });
    return line.fanOut;
  }

  /** Whether deliveries come in, messages could go out. */
  get isConnected(): boolean {
    return this.#line?.broker.state().consume === 'connected';
  }

  /** Compares once what waits with what arrives. */
  async look(): Promise<void> {
    if (this.isConnected) await this.#line?.source.watchdog.look();
  }

  async #open(): Promise<Line> {
    const { clock } = this.#ctx;
    if (clock.monotonicMillis() < this.#nextTry) throw this.#lastError;
    try {
      const broker = await this.#ctx.atMost.run(() => this.#connect());
      this.#failures = 0;
      return { broker, source: this.#sourceOf(broker), publisher: null, fanOut: null };
    } catch (error) {
      this.#lastError = error;
      this.#nextTry = clock.monotonicMillis() + retryDelay(this.#failures);
      this.#failures += 1;
      throw error;
    }
  }

  #connect(): Promise<Broker> {
    const { amqpUrl, applicationName, log, stopping } = this.#ctx;
    return openBroker({
      url: urlOfVhost(amqpUrl, this.name),
      applicationName,
      // That a connection is away, and back, is said once, by whoever follows partners.
      log: {
        info: (fields, message) => log.debug(fields, message),
        warn: (fields, message) => log.debug(fields, message),
        error: (fields, message) => log.error(fields, message),
      },
      connectWithinMs: CONNECT_WITHIN_MS,
      shutOutMs: 0,
      signal: stopping,
    });
  }

  /** One that stays deaf is given up with its connections, never the process: others are heard. */
  #sourceOf(broker: Broker): Source {
    const { clock, log } = this.#ctx;
    const endProcess = () => (this.#isWornOut = true);
    return {
      broker,
      watchdog: new Watchdog({ broker, clock, log: log.child({ vhost: this.name }), endProcess }),
      partner: { vhost: this.name, orgId: this.#orgId, keyId: this.#keyId },
    };
  }
}

function urlOfVhost(amqpUrl: string, vhost: string): string {
  const url = new URL(amqpUrl);
  url.pathname = `/${encodeURIComponent(vhost)}`;
  return url.href;
}

function retryDelay(failures: number): number {
  const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
  return delay / 2 + (Math.random() * delay) / 2;
}
