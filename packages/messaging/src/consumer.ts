import type { Channel, ConsumeMessage } from 'amqplib';
import type { Connection } from './connection.js';
import { deliveryOf } from './delivery.js';
import type { AmqpDelivery } from './delivery.js';
import type { Reporting } from './reporting.js';
import { SupervisedChannel } from './supervised-channel.js';
import { endsWithin } from './timing.js';

/** What to consume, and who takes it. */
export interface ConsumeOptions {
  queue: string;
  /** How many deliveries may be unsettled at a time, 1 to 65,535. */
  prefetch: number;
  /**
   * Called for each delivery, in order, synchronously. Settles it, now or later, through the consumer. When it throws,
   * everything that the channel delivered goes back to the queue.
   */
  onDelivery(delivery: AmqpDelivery, consumer: Consumer): void;
  /** Called when the channel is gone: what it delivered and was not settled comes again, through `onDelivery`. */
  onLost?(consumer: Consumer): void;
}

/** `recovering` becomes `consuming` by itself; `stopped` stays. */
export type ConsumerState = 'consuming' | 'recovering' | 'stopped';

/**
 * Takes deliveries from one queue through a channel of its own, which is replaced when it is lost.
 *
 * An acknowledgement is sent on the channel that made the delivery or not at all: when that channel is gone it is dropped
 * without an error, and the broker delivers the message again.
 */
export interface Consumer {
  readonly queue: string;
  readonly state: ConsumerState;
  /** Whether the channel that made this delivery is still there to take its acknowledgement. */
  isCurrent(delivery: AmqpDelivery): boolean;
  /** Settles these deliveries, each by itself. */
  ack(deliveries: Iterable<AmqpDelivery>): void;
  /** Settles this delivery and every earlier one of the same channel: the caller is done with all of them. */
  ackUpTo(delivery: AmqpDelivery): void;
  /**
   * Gives back to the queue what is not settled, by closing the channel, and goes on with another. What was delivered is
   * no longer current at once, and comes again; the broker counts that as a failed delivery of each. A consumer that is
   * stopped gives back as well, and does not go on.
   *
   * @param prefetch from now on; default: as before
   */
  reopen(prefetch?: number): void;
  /** Takes no further delivery; what was delivered can still be settled. */
  stop(): Promise<void>;
  /**
   * Has the broker deliver no more, and takes what it had sent until it agreed, so that it does not count as a failed
   * delivery. What is between queue and channel at that moment a quorum queue takes back by itself, to its place, and counts.
   * What was delivered can still be settled.
   */
  finish(): Promise<void>;
  /**
   * Stops, and gives back to the queue what is not settled. A quorum queue that is behind may not have heard of the last
   * acknowledgements; those messages are delivered again.
   */
  close(): Promise<void>;
}

const CANCEL_TIMEOUT_MS = 2_000;
/** What is under way when this is over is given back. */
const FINISH_TIMEOUT_MS = 15_000;

/** A {@link Consumer} over a supervised channel. */
export class SupervisedConsumer implements Consumer {
  readonly #options: ConsumeOptions;
  readonly #reporting: Reporting;
  readonly #supervised: SupervisedChannel<Channel>;
  #prefetch: number;
  #channel: Channel | null = null;
  #consumerTag: string | null = null;
  #subscribing: Promise<void> | null = null;
  #finished: Promise<void> | null = null;
  #isStopped = false;
  #onClosed: () => void = () => undefined;

  constructor(connection: Connection, options: ConsumeOptions, reporting: Reporting) {
    this.#options = options;
    this.#prefetch = options.prefetch;
    this.#reporting = reporting;
    this.#supervised = new SupervisedChannel(
      {
        name: `consume ${options.queue}`,
        open: () => connection.createChannel(),
        prefetch: () => this.#prefetch,
        prepare: (channel) => (this.#subscribing = this.#subscribe(channel)),
      },
      reporting,
    );
  }

  /** Resolves when the first attempt to subscribe has ended, well or not. */
  get firstAttempt(): Promise<void> {
    return this.#supervised.firstAttempt;
  }

  /** Calls back after {@link close}. One listener. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  get queue(): string {
    return this.#options.queue;
  }

  get state(): ConsumerState {
    if (this.#finished !== null) return 'stopped';
    return this.#consumerTag === null ? 'recovering' : 'consuming';
  }

  isCurrent(delivery: AmqpDelivery): boolean {
    return this.#channel !== null && delivery.tag.isOf(this.#channel);
  }

  ack(deliveries: Iterable<AmqpDelivery>): void {
    for (const delivery of deliveries) this.#acknowledge(delivery, false);
  }

  ackUpTo(delivery: AmqpDelivery): void {
    this.#acknowledge(delivery, true);
  }

  reopen(prefetch = this.#prefetch): void {
    this.#prefetch = prefetch;
    if (this.#channel !== null) this.#lose(this.#channel);
    if (this.#finished !== null) void this.#supervised.close();
    else this.#supervised.reopen();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await endsWithin(CANCEL_TIMEOUT_MS, this.finish());
  }

  finish(): Promise<void> {
    this.#finished ??= this.#cancelled();
    return this.#finished;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#supervised.close();
    this.#onClosed();
  }

  async #cancelled(): Promise<void> {
    this.#supervised.retire();
    await endsWithin(FINISH_TIMEOUT_MS, this.#cancelSubscription());
    this.#isStopped = true;
  }

  /** A subscription that the broker has not confirmed yet is cancelled as soon as it is. */
  async #cancelSubscription(): Promise<void> {
    if (this.#channel !== null && this.#consumerTag !== null) await cancel(this.#channel, this.#consumerTag);
    else await this.#subscribing;
  }

  async #subscribe(channel: Channel): Promise<void> {
    const { queue } = this.#options;
    this.#channel = channel;
    channel.on('close', () => this.#lose(channel));
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) this.#onCancelledByBroker(channel);
      else if (!this.#isStopped && this.#channel === channel) this.#handOver(channel, message);
    });
    if (this.#finished !== null) return cancel(channel, consumerTag);
    if (this.#channel === channel) this.#consumerTag = consumerTag;
    this.#reporting.log.info({ queue, prefetch: this.#prefetch }, 'consuming');
  }

  /** A delivery that nobody took would be settled by the next one that is settled up to: so all of them are given back. */
  #handOver(channel: Channel, message: ConsumeMessage): void {
    try {
      this.#options.onDelivery(deliveryOf(channel, message), this);
    } catch (error) {
      this.#reporting.log.error(
        { queue: this.#options.queue, err: error },
        'a delivery was not taken: giving all back',
      );
      this.#lose(channel);
      this.#supervised.renew(error);
    }
  }

  /** The broker does so when the queue is deleted or moves; the channel stays open but would be deaf for ever. */
  #onCancelledByBroker(channel: Channel): void {
    this.#reporting.log.warn({ queue: this.#options.queue }, 'consumer cancelled by the broker');
    this.#lose(channel);
    this.#supervised.renew(undefined);
  }

  #lose(channel: Channel): void {
    if (this.#channel !== channel) return;
    this.#channel = null;
    this.#consumerTag = null;
    this.#options.onLost?.(this);
  }

  #acknowledge(delivery: AmqpDelivery, upTo: boolean): void {
    // fail point: mid_ack
    try {
      if (this.isCurrent(delivery)) return delivery.tag.acknowledge(upTo);
    } catch {
      // The channel is closing: as good as gone.
    }
    this.#reporting.onEvent('ack-dropped');
  }
}

async function cancel(channel: Channel, consumerTag: string): Promise<void> {
  await channel.cancel(consumerTag);
}
