import { connect } from 'amqplib';
import type { Channel, ChannelModel, ConfirmChannel, Options, RecoveringChannelModel } from 'amqplib';
import { BrokerClosedError, BrokerRefusedError, BrokerUnreachableError, InvalidBrokerUrlError } from './errors.js';
import { bearDeepHeaders } from './deep-headers.js';
import type { Reporting } from './reporting.js';
import { backOff, endsWithin } from './timing.js';
import { writeTogether } from './write-together.js';

/** How a connection stands. It becomes `connected` again by itself unless it is `closed`. */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

/** Where and as who to connect. */
export interface ConnectionSettings {
  url: string;
  /** Shown by the broker among its connections. */
  name: string;
}

/** How long to try before the first connection stands. */
export interface Patience {
  withinMs: number;
  /** How long a virtual host may let us not in before that counts as a refusal. */
  shutOutMs: number;
  signal?: AbortSignal | undefined;
}

const GUEST = { username: 'guest', password: 'guest' };
/** The library notices silence after two to three of these: a dead peer is given up within 24 s. */
const HEARTBEAT_SECONDS = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** After a refusal: wrong credentials must not turn into a storm of logins. */
const REFUSED_DELAY_MS = 4_000;
/** Enough that a full window of small messages is written without waiting for the socket. */
const PUBLISH_BUFFER_BYTES = 1024 * 1024;

/** A connection that comes back by itself. Channels do not: those who need one supervise it. */
export class Connection {
  readonly #model: Promise<RecoveringChannelModel>;
  readonly #target: string;
  #state: ConnectionState = 'connecting';
  #current: ChannelModel | null = null;
  #blockedBy: string | null = null;
  #onBlockedChange: () => void = () => undefined;

  /**
   * Begins to connect.
   *
   * @throws InvalidBrokerUrlError
   */
  constructor({ url, name }: ConnectionSettings, reporting: Reporting) {
    const address = addressOf(url);
    this.#target = describeTarget(address);
    this.#model = connectAndStay(address, name).then((model) => this.#follow(model, name, reporting));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Why the broker wants us to send nothing at the moment, or null. */
  get blockedBy(): string | null {
    return this.#blockedBy;
  }

  /** Calls back when {@link blockedBy} changed. One listener. */
  onBlockedChange(listener: () => void): void {
    this.#onBlockedChange = listener;
  }

  /** Waits for the connection, however long it is away. Rejects once it is closed. */
  async createChannel(): Promise<Channel> {
    return (await this.#model).createChannel();
  }

  /** As {@link createChannel}, with publisher confirms. */
  async createConfirmChannel(): Promise<ConfirmChannel> {
    return (await this.#model).createConfirmChannel({ highWaterMark: PUBLISH_BUFFER_BYTES });
  }

  /**
   * Resolves when the first connection stands; otherwise closes and rejects.
   *
   * @throws BrokerRefusedError when the broker lets us in nowhere: at once for user and password, after some seconds for the
   *   virtual host
   * @throws BrokerUnreachableError when nobody answered in time
   * @throws BrokerClosedError when the signal was aborted
   */
  async firstConnected({ withinMs, shutOutMs, signal }: Patience): Promise<void> {
    const model = await this.#model;
    let lastFailure: unknown;
    let shutOutSince: number | null = null;
    const refused = new Promise<never>((_resolve, reject) => {
      model.on('connect-failed', (error) => {
        lastFailure = error;
        shutOutSince = isShutOut(error) ? (shutOutSince ?? performance.now()) : null;
        const isFinal = isRefusal(error) || (shutOutSince !== null && performance.now() - shutOutSince >= shutOutMs);
        if (this.#state === 'connecting' && isFinal) reject(this.#refusal(error));
      });
    });
    const over = new AbortController();
    const unreachable = rejectAfter(withinMs, over.signal, () => this.#unreachable(withinMs, lastFailure));
    const aborted = rejectOnAbort(signal, over.signal);
    try {
      await Promise.race([model.waitForConnect(), refused, unreachable, aborted]);
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      over.abort();
    }
  }

  /** Ends the present connection, if there is one; another is made at once. */
  async reconnect(): Promise<void> {
    const current = this.#current;
    if (current !== null) await endsWithin(CLOSE_TIMEOUT_MS, current.close());
  }

  /** Says goodbye, or stops waiting for an answer after two seconds. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await endsWithin(
      CLOSE_TIMEOUT_MS,
      this.#model.then((model) => model.close()),
    );
  }

  #follow(model: RecoveringChannelModel, name: string, { log, onEvent }: Reporting): RecoveringChannelModel {
    const about = { connection: name, broker: this.#target };
    model.on('connect', (current) => {
      if (!bearDeepHeaders(current)) log.warn(about, 'deeply nested headers would cost this connection');
      if (!writeTogether(current)) log.warn(about, 'every message takes a write of its own');
      this.#current = current;
      this.#state = 'connected';
      onEvent('connected');
      log.info(about, 'connected to the broker');
    });
    model.on('disconnect', (error) => {
      this.#current = null;
      this.#state = 'reconnecting';
      this.#block(null);
      onEvent('connection-lost');
      log.warn({ ...about, err: error }, 'lost the broker');
    });
    model.on('connect-failed', () => onEvent('connect-failed'));
    model.on('reconnect-scheduled', ({ attempt, delay, error }) =>
      log.warn({ ...about, attempt, delayMs: delay, err: error }, 'connecting to the broker again'),
    );
    model.on('blocked', (reason) => {
      this.#block(reason);
      onEvent('blocked');
      log.warn({ ...about, reason }, 'the broker takes no messages for now');
    });
    model.on('unblocked', () => {
      this.#block(null);
      log.info(about, 'the broker takes messages again');
    });
    model.on('error', () => undefined); // always followed by a disconnect with the same error
    model.on('handler-error', (error: unknown) => log.error({ ...about, err: error }, 'a listener failed'));
    return model;
  }

  #block(reason: string | null): void {
    if (this.#blockedBy === reason) return;
    this.#blockedBy = reason;
    this.#onBlockedChange();
  }

  #refusal(error: Error): BrokerRefusedError {
    return new BrokerRefusedError(`the broker refused us: ${this.#target}; check user, password and virtual host`, {
      cause: error,
    });
  }

  #unreachable(withinMs: number, lastFailure: unknown): BrokerUnreachableError {
    return new BrokerUnreachableError(`no broker within ${withinMs / 1_000} s: ${this.#target}`, {
      cause: lastFailure,
    });
  }
}

/** Listeners may be attached until the end of this turn of the event loop: the first attempt begins after it. */
function connectAndStay(address: Options.Connect, name: string): Promise<RecoveringChannelModel> {
  let wasRefused = false;
  return connect(asTheLibraryReads(address), {
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: HEARTBEAT_SECONDS * 1_000,
    timeout: CONNECT_TIMEOUT_MS,
    clientProperties: { connection_name: name },
    recovery: {
      waitForConnect: false,
      calculateDelay: (attempt) => (wasRefused ? REFUSED_DELAY_MS : backOff(attempt)),
    },
  }).then((model) => {
    model.on('connect', () => (wasRefused = false));
    model.on('connect-failed', (error) => (wasRefused = isRefusal(error)));
    return model;
  });
}

function addressOf(url: string): Options.Connect {
  try {
    const { protocol, hostname, port, username, password, pathname } = new URL(url);
    if (/^amqps?:$/.test(protocol) && hostname !== '') {
      return {
        protocol: protocol.slice(0, -1),
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port) || (protocol === 'amqp:' ? 5672 : 5671),
        ...(username === ''
          ? GUEST
          : { username: decodeURIComponent(username), password: decodeURIComponent(password) }),
        vhost: decodeURIComponent(pathname.slice(1)) || '/',
        heartbeat: HEARTBEAT_SECONDS,
      };
    }
  } catch {
    // What is thrown here quotes the URL.
  }
  throw new InvalidBrokerUrlError('expected amqp://user:password@host:port/vhost, or amqps:');
}

/** The library unescapes the name of the virtual host once more. */
function asTheLibraryReads(address: Options.Connect): Options.Connect {
  return { ...address, vhost: encodeURIComponent(address.vhost ?? '/') };
}

function describeTarget({ hostname = '', port = 0, username = '', vhost = '' }: Options.Connect): string {
  return `${hostname}:${port}, user ${username}, vhost ${vhost}`;
}

/** Wrong user or password. The library gives a refusal in the handshake no code, only the broker's text. */
function isRefusal(error: Error): boolean {
  return /\b403\b.*ACCESS[_-]REFUSED/.test(error.message);
}

/** Logged in, and closed when naming the virtual host; the library keeps the broker's reason to itself. */
function isShutOut(error: Error): boolean {
  return /ConnectionOpenOk.*ConnectionClose/.test(error.message);
}

function rejectAfter(millis: number, over: AbortSignal, reason: () => Error): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (!Number.isFinite(millis)) return;
    const timer = setTimeout(() => reject(reason()), millis);
    over.addEventListener('abort', () => clearTimeout(timer));
  });
}

function rejectOnAbort(signal: AbortSignal | undefined, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = () => reject(new BrokerClosedError('stopped while waiting for the broker'));
    if (signal?.aborted) give();
    signal?.addEventListener('abort', give, { signal: over });
  });
}
