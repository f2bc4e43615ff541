import type { ConsumerState, QueueDepth } from '@quarterhour/messaging';
import type { Clock, Logger } from '@quarterhour/runtime';

/** A queue as its consumer sees it. */
export interface Watched {
  readonly queue: string;
  readonly state: ConsumerState;
  /** Delivered and not settled. */
  readonly inHand: number;
  /** Deliveries so far. */
  readonly delivered: number;
  /** Deliveries settled so far. */
  readonly settled: number;
  /** Gives back what is in hand, and consumes on another channel. */
  reopen(): void;
}

/** What the watchdog asks the broker, and does to it. */
export interface WatchedBroker {
  depthOf(queue: string): Promise<QueueDepth | null>;
  reconnect(): Promise<void>;
}

/** What the watchdog needs. */
export interface WatchdogContext {
  readonly broker: WatchedBroker;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the process: whoever started it starts another. */
  readonly endProcess: () => void;
}

/** How a queue stood when it was looked at last, as plain JSON. */
export interface QueueReport {
  readonly ready: number | null;
  readonly isMissing: boolean;
  /** How long messages have been waiting there while none got through. */
  readonly standsMs: number;
  readonly isDeaf: boolean;
}

interface Watch {
  readonly watched: Watched;
  depth: QueueDepth | null | 'unknown';
  deliveredBefore: number;
  settledBefore: number;
  standsSince: number | null;
  unheardSince: number | null;
  /** What was done about a deaf consumer so far. */
  remedies: number;
}

/** How long messages may wait while nothing of their queue moves. */
export const DEAF_AFTER_MS = 60_000;

/**
 * Compares what waits in the queues with what arrives here.
 *
 * A broker and its consumer can disagree about whether there is a consumer: the connection lives, heartbeats pass, nothing
 * is delivered. Only the queue itself shows it. Then the channel is replaced, at the next look the connection, and at the
 * one after the process.
 */
export class Watchdog {
  readonly #ctx: WatchdogContext;
  readonly #deafAfterMs: number;
  readonly #watches = new Map<string, Watch>();

  constructor(ctx: WatchdogContext, { deafAfterMs = DEAF_AFTER_MS }: { deafAfterMs?: number } = {}) {
    this.#ctx = ctx;
    this.#deafAfterMs = deafAfterMs;
  }

  watch(watched: Watched): void {
    this.#watches.set(watched.queue, {
      watched,
      depth: 'unknown',
      deliveredBefore: watched.delivered,
      settledBefore: watched.settled,
      standsSince: null,
      unheardSince: null,
      remedies: 0,
    });
  }

  unwatch(queue: string): void {
    this.#watches.delete(queue);
  }

  /** Looks at every queue once. Never rejects: a broker that does not answer shows in its consumers' state. */
  async look(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => this.#lookAt(watch)));
    const deaf = [...this.#watches.values()].filter((watch) => this.#isDeaf(watch));
    for (const watch of deaf) watch.remedies += 1;
    await this.#cure(deaf);
  }

  /** @returns null of a queue that is not watched */
  reportOf(queue: string): QueueReport | null {
    const watch = this.#watches.get(queue);
    if (watch === undefined) return null;
    return {
      ready: watch.depth === 'unknown' ? null : (watch.depth?.ready ?? null),
      isMissing: watch.depth === null,
      standsMs: this.#since(watch.standsSince),
      isDeaf: this.#isDeaf(watch),
    };
  }

  /** Whether a queue moves, or has nothing that could. */
  isFlowing(queue: string): boolean {
    const report = this.reportOf(queue);
    return report === null || !(report.isMissing || report.isDeaf || report.standsMs >= this.#deafAfterMs);
  }

  async #lookAt(watch: Watch): Promise<void> {
    const { watched } = watch;
    watch.depth = await this.#ctx.broker.depthOf(watched.queue).catch((error: unknown) => {
      this.#ctx.log.warn({ err: error, queue: watched.queue }, 'the depth of a queue is not known');
      return 'unknown' as const;
    });
    if (watch.depth === 'unknown') {
      watch.unheardSince = null;
      return;
    }
    const now = this.#ctx.clock.monotonicMillis();
    const waits = (watch.depth?.ready ?? 0) > 0;
    const isUnheard = watched.state === 'consuming' && watched.inHand === 0;
    const wasHeard = watched.delivered !== watch.deliveredBefore;
    const wasSettled = watched.settled !== watch.settledBefore;
    watch.standsSince = waits && !wasSettled ? (watch.standsSince ?? now) : null;
    watch.unheardSince = waits && isUnheard && !wasHeard ? (watch.unheardSince ?? now) : null;
    if (watch.unheardSince === null) watch.remedies = 0;
    watch.deliveredBefore = watched.delivered;
    watch.settledBefore = watched.settled;
  }

  async #cure(deaf: readonly Watch[]): Promise<void> {
    const { log, broker, endProcess } = this.#ctx;
    const [worst] = [...deaf].sort((one, other) => other.remedies - one.remedies);
    if (worst === undefined) return;
    const about = { queues: deaf.map(({ watched }) => watched.queue), deafMs: this.#since(worst.unheardSince) };
    if (worst.remedies > 2) {
      log.fatal(about, 'messages wait and none is delivered: ending the process');
      endProcess();
    } else if (worst.remedies === 2) {
      log.error(about, 'messages wait and none is delivered: replacing the connection');
      await broker.reconnect();
    } else {
      log.error(about, 'messages wait and none is delivered: replacing the channel');
      for (const { watched } of deaf) watched.reopen();
    }
  }

  #isDeaf({ unheardSince }: Watch): boolean {
    return unheardSince !== null && this.#since(unheardSince) >= this.#deafAfterMs;
  }

  #since(instant: number | null): number {
    return instant === null ? 0 : Math.round(this.#ctx.clock.monotonicMillis() - instant);
  }
}
