/** How much one batch may hold. */
export interface BatchLimits {
  readonly batchMessages: number;
  readonly batchBytes: number;
}

/**
 * Collects items while the batch before is being flushed: self-clocking, no timer, one flush at a time.
 *
 * Idle, an item waits only for the items of the same turn of the event loop; under load, for the flush in hand. Back-pressure
 * is the caller's: whoever adds is bounded by what it may have in hand.
 */
export class Batcher<T> {
  readonly #limits: BatchLimits;
  readonly #flush: (batch: readonly T[]) => Promise<void>;
  #waiting: { readonly item: T; readonly bytes: number; readonly isAlone: boolean }[] = [];
  #flushing: Promise<void> | null = null;

  constructor(limits: BatchLimits, flush: (batch: readonly T[]) => Promise<void>) {
    this.#limits = limits;
    this.#flush = flush;
  }

  /** Items not yet taken into a batch. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param isAlone makes it a batch of its own */
  add(item: T, bytes: number, { isAlone = false }: { isAlone?: boolean } = {}): void {
    this.#waiting.push({ item, bytes, isAlone });
    this.#flushing ??= this.#flushAll();
  }

  /** Drops what is not yet taken into a batch. */
  forget(): void {
    this.#waiting = [];
  }

  /** Resolves when nothing waits and nothing is in hand. */
  async drained(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#flush(this.#next());
    this.#flushing = null;
  }

  #next(): T[] {
    let bytes = 0;
    let size = 0;
    for (const one of this.#waiting) {
      bytes += one.bytes;
      if (size === this.#limits.batchMessages || (size > 0 && bytes > this.#limits.batchBytes)) break;
      if (size > 0 && one.isAlone) break;
      size += 1;
      if (one.isAlone) break;
    }
    return this.#waiting.splice(0, size).map(({ item }) => item);
  }
}
