import type { AmqpDelivery, Consumer, ConsumerState } from '@quarterhour/messaging';
import type { Logger } from '@quarterhour/runtime';
import type { Source } from './source.js';
import { SUSPECT_FROM_FAILED_DELIVERIES } from './suspects.js';

/** How a queue is consumed in ordinary times, and when they are back. */
export interface IntakeSettings {
  readonly prefetch: number;
  /** So many messages have to go through after a suspect before the queue is taken by the window again. */
  readonly quietMessages: number;
}

/** So many are in hand while a queue is taken carefully. */
const HANDFUL = 50;

/**
 * One queue of a stream: what of it is in hand, and how carefully it is taken.
 *
 * A process that dies gives back everything in hand, and the broker counts that against each message. So once a message
 * shows a count that is too high, the queue is taken by the handful: only as many are to be tried for it.
 */
export class Intake {
  readonly queue: string;
  /** Whose everything in the queue is, where that does not depend on the message. */
  readonly partner: Source['partner'];
  readonly #settings: IntakeSettings;
  readonly #log: Logger;
  #consumer: Consumer | null = null;
  #isCareful = false;
  #quiet = 0;
  #inHand = 0;
  #delivered = 0;
  #settled = 0;
  #onEmptyHanded: () => void = () => undefined;

  constructor(queue: string, partner: Source['partner'], settings: IntakeSettings, log: Logger) {
    this.queue = queue;
    this.partner = partner;
    this.#settings = settings;
    this.#log = log;
  }

  get state(): ConsumerState {
    return this.#consumer?.state ?? 'recovering';
  }

  get isCareful(): boolean {
    return this.#isCareful;
  }

  /** Delivered by the present channel and not settled. */
  get inHand(): number {
    return this.#inHand;
  }

  /** Deliveries so far. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Deliveries settled so far. */
  get settled(): number {
    return this.#settled;
  }

  /** @returns whether it is to be taken; otherwise it has been given back and comes again, by itself */
  admit(amqp: AmqpDelivery, consumer: Consumer): boolean {
    this.#consumer = consumer;
    this.#delivered += 1;
    this.#inHand += 1;
    if (!isSuspect(amqp)) return true;
    this.#quiet = 0;
    if (this.#isCareful) return true;
    this.#log.warn({ queue: this.queue, failedDeliveries: amqp.failedDeliveries }, 'taking messages by the handful');
    this.#isCareful = true;
    consumer.reopen(HANDFUL);
    return false;
  }

  consumedBy(consumer: Consumer): void {
    this.#consumer = consumer;
  }

  isCurrent(amqp: AmqpDelivery): boolean {
    return this.#consumer?.isCurrent(amqp) === true;
  }

  /** Acknowledges a gap-free prefix of what is in hand; what is not current any more is dropped. */
  settle(prefix: readonly AmqpDelivery[]): void {
    const last = prefix.at(-1);
    if (last === undefined) return;
    const current = prefix.filter((amqp) => this.isCurrent(amqp));
    this.#consumer?.ackUpTo(last);
    this.#settled += current.length;
    this.#inHand -= current.length;
    if (this.#inHand === 0) this.#onEmptyHanded();
    if (this.#isCareful) this.#calmDown(prefix);
  }

  /** The channel is gone: what it delivered comes again. */
  lost(): void {
    this.#inHand = 0;
    this.#onEmptyHanded();
  }

  /** Gives back what is in hand. */
  reopen(): void {
    this.#consumer?.reopen();
  }

  async stop(): Promise<void> {
    await this.#consumer?.stop();
  }

  /** Takes nothing more; resolves when nothing is in hand, settled or given back. */
  async finish(): Promise<void> {
    await this.#consumer?.finish();
    if (this.#inHand > 0) await new Promise<void>((resolve) => (this.#onEmptyHanded = resolve));
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
  }

  #calmDown(settled: readonly AmqpDelivery[]): void {
    this.#quiet += settled.filter((amqp) => !isSuspect(amqp)).length;
    if (this.#quiet < this.#settings.quietMessages) return;
    this.#log.info({ queue: this.queue }, 'taking messages by the window again');
    this.#isCareful = false;
    this.#consumer?.reopen(this.#settings.prefetch);
  }
}

export function isSuspect(amqp: AmqpDelivery): boolean {
  return amqp.failedDeliveries >= SUSPECT_FROM_FAILED_DELIVERIES;
}
