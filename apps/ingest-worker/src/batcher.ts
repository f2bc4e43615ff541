import { sleep } from '@quarterhour/runtime';

/** How much one batch may hold. */
export interface BatchLimits {
  readonly batchMessages: number;
  readonly batchBytes: number;
}

/** What is flushed at once, in the order in which it was added. */
export interface Batch<T, Prepared> {
  readonly items: readonly T[];
  /** What `prepare` made of just these items; null when it was not asked before their turn came. */
  readonly prepared: Prepared | null;
}

/** What becomes of the batches. */
export interface BatchWork<T, Prepared> {
  /** Called in a turn of its own for a batch that is full while the one before is being flushed. Must not throw. */
  prepare(items: readonly T[]): Prepared | null;
  flush(batch: Batch<T, Prepared>): Promise<void>;
  /** How long to rest after a flush, in milliseconds, so that what comes meanwhile goes together. A full batch does not wait. */
  restMs(): number;
}

interface Waiting<T, Prepared> {
  readonly items: T[];
  bytes: number;
  readonly apart: object | null;
  isToBePrepared: boolean;
  prepared: Prepared | null;
}

/**
 * Collects items while the batch before is being flushed, and as long as it rests after that: one flush at a time.
 *
 * Idle, an item waits only for the items of the same turn of the event loop; under load, for the flush in hand and the rest.
 * Back-pressure is the caller's: whoever adds is bounded by what it may have in hand.
 */
export class Batcher<T, Prepared> {
  readonly #limits: BatchLimits;
  readonly #work: BatchWork<T, Prepared>;
  /** Only the last one can grow. */
  #waiting: Waiting<T, Prepared>[] = [];
  #flushing: Promise<void> | null = null;

  constructor(limits: BatchLimits, work: BatchWork<T, Prepared>) {
    this.#limits = limits;
    this.#work = work;
  }

  /** Items whose turn has not come. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { items }) => sum + items.length, 0);
  }

  /** @param apart it shares its batch only with items that are kept apart by the same; null: with others that are not */
  add(item: T, bytes: number, apart: object | null = null): void {
    const last = this.#waiting.at(-1);
    if (last?.apart === apart && this.#hasRoom(last, bytes)) {
      last.items.push(item);
      last.bytes += bytes;
    } else {
      this.#waiting.push({ items: [item], bytes, apart, isToBePrepared: false, prepared: null });
    }
    this.#flushing ??= this.#flushAll();
    this.#prepareNext();
  }

  /** Drops what is not yet being flushed. */
  forget(): void {
    this.#waiting = [];
  }

  /** Resolves when nothing waits and nothing is in hand. */
  async drained(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#prepareNext();
      await this.#work.flush(next);
      await this.#rest();
    }
    this.#flushing = null;
  }

  async #rest(): Promise<void> {
    const millis = this.#work.restMs();
    const [next] = this.#waiting;
    if (millis > 0 && (next === undefined || !this.#isFull(next))) await sleep(millis);
  }

  /** A batch is prepared only when nothing can be added to it any more. */
  #prepareNext(): void {
    const [next] = this.#waiting;
    if (next === undefined || next.isToBePrepared || !this.#isFull(next)) return;
    next.isToBePrepared = true;
    setImmediate(() => {
      if (next === this.#waiting[0]) next.prepared = this.#work.prepare(next.items);
    });
  }

  #isFull(next: Waiting<T, Prepared>): boolean {
    return next.items.length === this.#limits.batchMessages || this.#waiting.length > 1;
  }

  #hasRoom({ items, bytes }: Waiting<T, Prepared>, more: number): boolean {
    return items.length < this.#limits.batchMessages && bytes + more <= this.#limits.batchBytes;
  }
}
