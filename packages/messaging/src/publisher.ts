import { randomUUID } from 'node:crypto';
import { IllegalOperationError } from 'amqplib';
import type { ConfirmChannel } from 'amqplib';
import type { Connection } from './connection.js';
import {
  BrokerClosedError,
  BrokerUnreachableError,
  ConfirmLostError,
  PublishRefusedError,
  UnroutableError,
} from './errors.js';
import type { BrokerEvent, Reporting } from './reporting.js';
import { SupervisedChannel } from './supervised-channel.js';
import { endsWithin } from './timing.js';

/** A message to publish. It is persistent and must reach at least one queue. */
export interface OutgoingMessage {
  exchange: string;
  /** At most 255 bytes. */
  routingKey: string;
  body: Buffer;
  /** The sender's name for this message, the same at each attempt. Default: a new random UUID. */
  messageId?: string | undefined;
  /** Default `application/json`. */
  contentType?: string | undefined;
  type?: string | undefined;
  /** Few and small: a table above 64 KiB is refused. */
  headers?: Readonly<Record<string, unknown>> | undefined;
}

/** How a publisher behaves. */
export interface PublisherOptions {
  /** How many messages may await their confirm at a time. Default 500. */
  window?: number | undefined;
  /** How long one message may await its confirm before the channel is given up, in milliseconds. Default 10,000. */
  confirmTimeoutMs?: number | undefined;
  /**
   * How long one message may wait to be sent, in milliseconds. Default: for ever. For a sender that tries again by itself
   * and must not have a message sent that it has given up.
   */
  sendWithinMs?: number | undefined;
}

/** Publishes with confirms, on a channel of its own. */
export interface Publisher {
  /**
   * Sends a message, in order of the calls, and waits for its own confirm. Waits before sending while the window is full,
   * while the broker is away, and while it takes no messages (alarm).
   *
   * A message id is in flight once at a time: a second message with the same id is sent when the first is settled.
   *
   * @throws UnroutableError when no queue is bound for it
   * @throws PublishRefusedError when the broker refused it, for example because a queue is full
   * @throws ConfirmLostError when it was sent and its fate is unknown: send it again with the same message id
   * @throws BrokerClosedError when the publisher was closed before it was sent
   * @throws BrokerUnreachableError when it could not be sent in time, and is not sent any more
   * @throws TypeError or RangeError when AMQP cannot express it
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** Resolves when a message published now would be sent at once, or the publisher is closed. For a sender that must not pile up. */
  room(): Promise<void>;
  /** Takes no more, waits up to four seconds for what was taken, then rejects what is left. */
  close(): Promise<void>;
}

/** How a publisher stands. */
export interface PublisherState {
  /** Sent, not confirmed. */
  inFlight: number;
  /** Not sent yet. */
  waiting: number;
}

interface Pending {
  readonly message: OutgoingMessage;
  readonly messageId: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Ends the wait to be sent; null when it may last. */
  readonly overdue: NodeJS.Timeout | null;
}

interface InFlight extends Pending {
  sentAt: number;
  /** What the broker said when it returned the message; its confirm follows. */
  returned: string | null;
}

/** One life of the channel: delivery numbers mean something only here. */
interface Line {
  readonly channel: ConfirmChannel;
  /** By publish number, oldest first. */
  readonly inFlight: Map<number, InFlight>;
  readonly byMessageId: Map<string, InFlight>;
  lastNumber: number;
  isCongested: boolean;
  lastError: unknown;
}

const DEFAULT_WINDOW = 500;
const CONFIRM_TIMEOUT_MS = 10_000;
const DRAIN_TIMEOUT_MS = 4_000;

/**
 * A {@link Publisher} over a supervised channel.
 *
 * Confirms are counted here, by publish number; several may come as one. A message that cannot be routed is returned
 * before it is confirmed, without its number; it is found by its message id, which is in flight only once.
 */
export class ConfirmedPublisher implements Publisher {
  readonly #connection: Connection;
  readonly #appId: string;
  readonly #reporting: Reporting;
  readonly #window: number;
  readonly #confirmTimeoutMs: number;
  readonly #sendWithinMs: number | null;
  readonly #supervised: SupervisedChannel<ConfirmChannel>;
  readonly #waiting: Pending[] = [];
  #line: Line | null = null;
  #isClosed = false;
  #overdueTimer: NodeJS.Timeout | null = null;
  #watchers: (() => boolean)[] = [];
  #onClosed: () => void = () => undefined;

  constructor(connection: Connection, appId: string, options: PublisherOptions, reporting: Reporting) {
    this.#connection = connection;
    this.#appId = appId;
    this.#reporting = reporting;
    this.#window = options.window ?? DEFAULT_WINDOW;
    this.#confirmTimeoutMs = options.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS;
    this.#sendWithinMs = options.sendWithinMs ?? null;
    this.#supervised = new SupervisedChannel(
      {
        name: 'publish',
        open: () => connection.createConfirmChannel(),
        prefetch: () => 0,
        prepare: (channel) => Promise.resolve(this.#takeUp(channel)),
      },
      reporting,
    );
  }

  publish(message: OutgoingMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new BrokerClosedError('the publisher is closed'));
      const messageId = message.messageId ?? randomUUID();
      this.#waiting.push({ message, messageId, resolve, reject, overdue: this.#giveUpUnsent(resolve) });
      this.#sendWaiting();
    });
  }

  room(): Promise<void> {
    return this.#once(() => this.#isClosed || (this.#waiting.length === 0 && this.#lineWithRoom() !== null));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tellWatchers();
    await endsWithin(
      DRAIN_TIMEOUT_MS,
      this.#once(() => this.#waiting.length === 0 && this.#inFlightCount() === 0),
    );
    for (const { reject, overdue } of this.#waiting.splice(0)) {
      if (overdue !== null) clearTimeout(overdue);
      reject(new BrokerClosedError('closed before it could be sent'));
    }
    if (this.#line !== null) this.#giveUp(this.#line, 'the publisher was closed before the confirm came');
    if (this.#overdueTimer !== null) clearTimeout(this.#overdueTimer);
    await this.#supervised.close();
    this.#onClosed();
  }

  /** Calls back after {@link close}. One listener. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  /** For whoever watches. */
  state(): PublisherState {
    return { inFlight: this.#inFlightCount(), waiting: this.#waiting.length };
  }

  /** To be called when the broker began or ended to refuse messages. */
  blockedChanged(): void {
    if (this.#line === null) return;
    if (this.#connection.blockedBy === null) {
      for (const entry of this.#line.inFlight.values()) entry.sentAt = performance.now();
    }
    this.#watchOldest(this.#line);
    this.#sendWaiting();
  }

  #takeUp(channel: ConfirmChannel): void {
    const line: Line = {
      channel,
      inFlight: new Map(),
      byMessageId: new Map(),
      lastNumber: 0,
      isCongested: false,
      lastError: undefined,
    };
    channel.on('ack', ({ deliveryTag, multiple }) => this.#settle(line, deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => this.#settle(line, deliveryTag, multiple, false));
    channel.on('return', ({ fields, properties }) => {
      const entry = line.byMessageId.get(String(properties.messageId));
      if (entry !== undefined) entry.returned = `exchange "${fields.exchange}", routing key "${fields.routingKey}"`;
    });
    channel.on('drain', () => {
      line.isCongested = false;
      this.#sendWaiting();
    });
    channel.on('error', (error) => (line.lastError = error));
    channel.on('close', () => this.#giveUp(line, 'the channel was closed before the confirm came'));
    this.#line = line;
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (let line = this.#lineWithRoom(); line !== null; line = this.#lineWithRoom()) {
      const next = this.#waiting[0];
      if (next === undefined || line.byMessageId.has(next.messageId)) break;
      this.#waiting.shift();
      this.#send(line, next);
    }
    this.#tellWatchers();
  }

  /** @param resolve tells the message among those that wait */
  #giveUpUnsent(resolve: Pending['resolve']): NodeJS.Timeout | null {
    const withinMs = this.#sendWithinMs;
    if (withinMs === null) return null;
    return setTimeout(() => {
      const place = this.#waiting.findIndex((pending) => pending.resolve === resolve);
      const [pending] = place < 0 ? [] : this.#waiting.splice(place, 1);
      pending?.reject(new BrokerUnreachableError(`not sent within ${withinMs / 1_000} s, and not sent any more`));
    }, withinMs);
  }

  #lineWithRoom(): Line | null {
    const line = this.#line;
    if (line === null || line.isCongested || this.#connection.blockedBy !== null) return null;
    return line.inFlight.size < this.#window ? line : null;
  }

  #send(line: Line, pending: Pending): void {
    const { exchange, routingKey, body, contentType = 'application/json', type, headers } = pending.message;
    try {
      const isRoomLeft = line.channel.publish(exchange, routingKey, body, {
        persistent: true,
        mandatory: true,
        messageId: pending.messageId,
        contentType,
        appId: this.#appId,
        ...(type === undefined ? {} : { type }),
        ...(headers === undefined ? {} : { headers }),
      });
      line.isCongested = !isRoomLeft;
    } catch (error) {
      this.#onNotSent(line, pending, error);
      return;
    }
    if (pending.overdue !== null) clearTimeout(pending.overdue);
    const entry: InFlight = { ...pending, sentAt: performance.now(), returned: null };
    line.lastNumber += 1;
    line.inFlight.set(line.lastNumber, entry);
    line.byMessageId.set(entry.messageId, entry);
    if (line.inFlight.size === 1) this.#watchOldest(line);
  }

  /** Either the channel sends nothing any more, and the message waits for the next one, or the message is no message. */
  #onNotSent(line: Line, pending: Pending, error: unknown): void {
    if (error instanceof IllegalOperationError) {
      this.#waiting.unshift(pending);
      if (this.#line === line) this.#line = null;
    } else {
      if (pending.overdue !== null) clearTimeout(pending.overdue);
      pending.reject(error instanceof Error ? error : new TypeError('not a message', { cause: error }));
    }
  }

  #settle(line: Line, number: number, multiple: boolean, isTaken: boolean): void {
    for (const settled of multiple ? numbersUpTo(line, number) : [number]) {
      const entry = line.inFlight.get(settled);
      if (entry === undefined) continue;
      line.inFlight.delete(settled);
      line.byMessageId.delete(entry.messageId);
      this.#answer(entry, isTaken);
    }
    this.#sendWaiting();
  }

  #answer(entry: InFlight, isTaken: boolean): void {
    if (!isTaken) this.#fail(entry, 'publish-refused', new PublishRefusedError('the broker refused the message'));
    else if (entry.returned === null) entry.resolve();
    else this.#fail(entry, 'unroutable', new UnroutableError(`no queue is bound for ${entry.returned}`));
  }

  #giveUp(line: Line, why: string): void {
    if (this.#line === line) this.#line = null;
    const entries = [...line.inFlight.values()];
    line.inFlight.clear();
    line.byMessageId.clear();
    for (const entry of entries) {
      this.#fail(entry, 'confirm-lost', new ConfirmLostError(why, { cause: line.lastError }));
    }
    this.#tellWatchers();
  }

  #fail(entry: InFlight, event: BrokerEvent, error: Error): void {
    this.#reporting.onEvent(event);
    entry.reject(error);
  }

  /** One timer for the oldest message in flight. It rests while the broker has asked for a pause. */
  #watchOldest(line: Line): void {
    if (this.#overdueTimer !== null) clearTimeout(this.#overdueTimer);
    this.#overdueTimer = null;
    const [oldest] = line.inFlight.values();
    if (oldest === undefined || this.#connection.blockedBy !== null) return;
    const leftMs = oldest.sentAt + this.#confirmTimeoutMs - performance.now();
    if (leftMs > 0) {
      this.#overdueTimer = setTimeout(() => this.#watchOldest(line), leftMs);
      return;
    }
    this.#giveUp(line, `no confirm within ${this.#confirmTimeoutMs / 1_000} s`);
    this.#supervised.renew(new Error('confirms are overdue'));
  }

  #inFlightCount(): number {
    return this.#line?.inFlight.size ?? 0;
  }

  #once(isSo: () => boolean): Promise<void> {
    if (isSo()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#watchers.push(() => {
        const isDone = isSo();
        if (isDone) resolve();
        return isDone;
      });
    });
  }

  #tellWatchers(): void {
    if (this.#watchers.length > 0) this.#watchers = this.#watchers.filter((isDone) => !isDone());
  }
}

function numbersUpTo(line: Line, last: number): number[] {
  const numbers: number[] = [];
  for (const number of line.inFlight.keys()) {
    if (number > last) break;
    numbers.push(number);
  }
  return numbers;
}
