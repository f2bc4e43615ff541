/** A channel that takes acknowledgements: one by one, or of one delivery and all before it. */
export interface Channel<Delivery> {
  ack(deliveries: Iterable<Delivery>): void;
  ackUpTo(delivery: Delivery): void;
}

/**
 * Acknowledges deliveries when they are dealt with, in whatever order that happens.
 *
 * What is dealt with in one turn of the event loop is acknowledged together: up to the first that is not, as one; behind it,
 * one by one.
 */
export class Acknowledgements<Delivery> {
  readonly #channel: Channel<Delivery>;
  /** In the order in which they came. */
  readonly #open = new Set<Delivery>();
  readonly #done = new Set<Delivery>();
  #isScheduled = false;

  constructor(channel: Channel<Delivery>) {
    this.#channel = channel;
  }

  /** To be called in the order of the deliveries. */
  took(delivery: Delivery): void {
    this.#open.add(delivery);
  }

  done(delivery: Delivery): void {
    this.#done.add(delivery);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#acknowledge());
  }

  /** The channel is gone: what it delivered comes again. */
  lost(): void {
    this.#open.clear();
    this.#done.clear();
  }

  #acknowledge(): void {
    this.#isScheduled = false;
    let last: Delivery | null = null;
    for (const delivery of this.#open) {
      if (!this.#done.delete(delivery)) break;
      this.#open.delete(delivery);
      last = delivery;
    }
    if (last !== null) this.#channel.ackUpTo(last);
    this.#channel.ack(this.#done);
    for (const delivery of this.#done) this.#open.delete(delivery);
    this.#done.clear();
  }
}
