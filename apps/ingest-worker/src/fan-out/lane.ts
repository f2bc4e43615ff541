import type { OutgoingMessage, Publisher } from '@quarterhour/messaging';
import { MessagingError } from '@quarterhour/messaging';
import type { Clock, Logger } from '@quarterhour/runtime';

/** How many messages of one lane await their confirm at a time. */
export const LANE_WINDOW = 100;
/** A lane that has something to send and gets nothing confirmed for so long is stalled. */
const STALLED_AFTER_MS = 2_000;
const RETRY_MS = 250;

/** Something to tell one partner. */
export interface Telling {
  readonly message: OutgoingMessage;
  /** Whether what it came from is still ours to settle; otherwise it comes again, and is told then. */
  isCurrent(): boolean;
  /** Called once: it was told, or is given up. */
  done(): void;
}

/** What became of what a lane took. */
export interface LaneBook {
  told(): void;
  dropped(): void;
}

export interface LaneContext {
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiting {
  readonly telling: Telling;
  /** Its place among all that the lane took. */
  readonly place: number;
}

interface Sent extends Waiting {
  isGivenUp: boolean;
}

/**
 * The way to one key's virtual host. It goes its own pace: what cannot be sent waits, until somebody says that others need
 * the room.
 */
export class Lane {
  readonly #ctx: LaneContext;
  readonly #publisher: () => Publisher | null;
  readonly #book: LaneBook;
  readonly #waiting: Waiting[] = [];
  readonly #sent = new Set<Sent>();
  #taken = 0;
  #lastProgress: number;
  #pause: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** @param publisher what publishes into the virtual host; null while that does not let us in */
  constructor(ctx: LaneContext, publisher: () => Publisher | null, book: LaneBook) {
    this.#ctx = ctx;
    this.#publisher = publisher;
    this.#book = book;
    this.#lastProgress = ctx.clock.monotonicMillis();
  }

  /** What holds back deliveries: to be sent, or sent and neither confirmed nor given up. */
  get held(): number {
    return this.#waiting.length + [...this.#sent].filter(({ isGivenUp }) => !isGivenUp).length;
  }

  get isStalled(): boolean {
    return this.waitedMs > STALLED_AFTER_MS;
  }

  /** How long nothing was confirmed although there was something to send; 0 when there is nothing. */
  get waitedMs(): number {
    const isBusy = this.#waiting.length + this.#sent.size > 0;
    return isBusy ? this.#ctx.clock.monotonicMillis() - this.#lastProgress : 0;
  }

  add(telling: Telling): void {
    if (this.#isClosed) return telling.done();
    if (this.#waiting.length + this.#sent.size === 0) this.#lastProgress = this.#ctx.clock.monotonicMillis();
    this.#taken += 1;
    this.#waiting.push({ telling, place: this.#taken });
    this.#send();
  }

  /** Gives up the oldest until no more than so many are held. What was sent and is confirmed later was told all the same. */
  trimTo(most: number): void {
    let excess = this.held - most;
    for (const sent of this.#sent) {
      if (excess <= 0) return;
      if (sent.isGivenUp) continue;
      sent.isGivenUp = true;
      sent.telling.done();
      excess -= 1;
    }
    if (excess <= 0) return;
    for (const { telling } of this.#waiting.splice(0, excess)) this.#drop(telling);
  }

  /** The virtual host is nobody's any more. */
  close(): void {
    this.#isClosed = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    for (const { telling } of this.#waiting.splice(0)) telling.done();
    for (const sent of this.#sent) this.#giveUp(sent);
  }

  #send(): void {
    if (this.#pause !== null || this.#waiting.length === 0) return;
    const publisher = this.#publisher();
    if (publisher === null) return this.#pauseBriefly();
    while (this.#sent.size < LANE_WINDOW) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.telling.isCurrent()) void this.#publish(publisher, next);
      else next.telling.done();
    }
  }

  async #publish(publisher: Publisher, waiting: Waiting): Promise<void> {
    const sent: Sent = { ...waiting, isGivenUp: false };
    const { telling } = sent;
    this.#sent.add(sent);
    try {
      const published = publisher.publish(telling.message);
      // fail point: fan_out_after_publish_before_confirm
      await published;
      this.#sent.delete(sent);
      this.#lastProgress = this.#ctx.clock.monotonicMillis();
      this.#book.told();
      if (!sent.isGivenUp) telling.done();
    } catch (error) {
      this.#sent.delete(sent);
      this.#notTold(sent, error);
    }
    this.#send();
  }

  /** What AMQP cannot express is told to nobody, ever; everything else is tried again, before what came later. */
  #notTold({ telling, place, isGivenUp }: Sent, error: unknown): void {
    if (this.#isClosed) return;
    if (!(error instanceof MessagingError)) {
      this.#ctx.log.error({ err: error }, 'telemetry cannot be told');
      this.#drop(telling);
    } else if (isGivenUp) {
      this.#book.dropped();
    } else {
      const later = this.#waiting.findIndex((other) => other.place > place);
      this.#waiting.splice(later < 0 ? this.#waiting.length : later, 0, { telling, place });
      this.#pauseBriefly();
    }
  }

  #drop(telling: Telling): void {
    this.#book.dropped();
    telling.done();
  }

  #giveUp(sent: Sent): void {
    if (!sent.isGivenUp) sent.telling.done();
    sent.isGivenUp = true;
  }

  #pauseBriefly(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = null;
      if (!this.#isClosed) this.#send();
    }, RETRY_MS);
  }
}
