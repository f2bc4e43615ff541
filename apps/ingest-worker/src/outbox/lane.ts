import type { FailedMessage, OutboxMessage } from '@quarterhour/db';
import { sleep } from '@quarterhour/runtime';

/** More are not taken in hand before some of them are done. */
const MOST_IN_HAND = 500;
/** What is done within this time is written down together: nobody waits for that, and each time is a commit. */
const TOGETHER_MS = 20;

/** What became of messages of one organisation. */
export interface Results {
  /** Ids of those that the broker has confirmed. */
  readonly published: readonly string[];
  readonly failed: readonly FailedMessage[];
}

/** A message that is taken in hand. */
export interface TakenMessage extends OutboxMessage {
  /** By when it is to be sent or left, in milliseconds of the monotonic clock. */
  readonly deadline: number;
}

/**
 * One organisation's messages on their way: which are in hand, order by order, and what is to be written down about those
 * that were sent.
 *
 * What is written down is collected for a moment, and while the write before is under way. Until it is, a message counts as in
 * hand. Of an order that failed nothing is taken until somebody looks who sees that it has to wait.
 */
export class Lane {
  readonly orgId: string;
  readonly #settle: (results: Results) => Promise<void>;
  readonly #inHand = new Set<string>();
  /** What is still to be published, by orders of which something is being published. */
  readonly #orders = new Map<string, TakenMessage[]>();
  /** Orders that failed, and whether that is written down. */
  readonly #failed = new Map<string, boolean>();
  #results: { published: string[]; failed: FailedMessage[] } = { published: [], failed: [] };
  #settling: Promise<void> | null = null;
  #onIdle: (() => void)[] = [];
  /** Whether something was left that could not be taken yet. */
  looksAgain = false;

  /** @param settle writes down what became of messages; does not reject */
  constructor(orgId: string, settle: (results: Results) => Promise<void>) {
    this.orgId = orgId;
    this.#settle = settle;
  }

  /** Ids of messages that are to be published, or are and it is not written down. */
  get inHand(): ReadonlySet<string> {
    return this.#inHand;
  }

  get isFull(): boolean {
    return this.#inHand.size >= MOST_IN_HAND;
  }

  /** To be called before somebody looks: what is written down by now, the look sees. */
  looks(): void {
    for (const [orderKey, isWrittenDown] of this.#failed) if (isWrittenDown) this.#failed.delete(orderKey);
  }

  /**
   * Takes messages of one order in hand, behind what there is of it.
   *
   * @returns whether nobody is at this order: then the caller has to be, until there is no {@link next}
   */
  take(orderKey: string, messages: readonly TakenMessage[]): boolean {
    if (this.#failed.has(orderKey)) {
      this.looksAgain = true;
      return false;
    }
    for (const { id } of messages) this.#inHand.add(id);
    const waiting = this.#orders.get(orderKey);
    this.#orders.set(orderKey, [...(waiting ?? []), ...messages].sort(byId));
    return waiting === undefined;
  }

  /** The next message of an order; undefined when nothing is left of it, and nobody is at it any more. */
  next(orderKey: string): TakenMessage | undefined {
    const message = this.#orders.get(orderKey)?.shift();
    if (message === undefined) {
      this.#orders.delete(orderKey);
      this.#tellIfIdle();
    }
    return message;
  }

  published({ id }: OutboxMessage): void {
    this.#results.published.push(id);
    this.#settling ??= this.#settleAll();
  }

  /** What stands behind it waits with it. */
  failed(failure: FailedMessage): void {
    this.leave(failure);
    this.#failed.set(failure.orderKey, false);
    this.#results.failed.push(failure);
    this.#settling ??= this.#settleAll();
  }

  /** Has a message and what stands behind it found again by the next who looks. */
  leave({ id, orderKey }: Pick<OutboxMessage, 'id' | 'orderKey'>): void {
    this.#inHand.delete(id);
    for (const { id: behind } of this.#orders.get(orderKey)?.splice(0) ?? []) this.#inHand.delete(behind);
  }

  /** Resolves when nothing is being published and everything is written down. */
  async over(): Promise<void> {
    while (this.#orders.size > 0 || this.#settling !== null) {
      await (this.#settling ?? new Promise<void>((resolve) => this.#onIdle.push(resolve)));
    }
  }

  async #settleAll(): Promise<void> {
    while (this.#results.published.length + this.#results.failed.length > 0) {
      await sleep(TOGETHER_MS);
      const results = this.#results;
      this.#results = { published: [], failed: [] };
      await this.#settle(results);
      for (const id of results.published) this.#inHand.delete(id);
      for (const { orderKey } of results.failed) this.#failed.set(orderKey, true);
    }
    this.#settling = null;
    this.#tellIfIdle();
  }

  #tellIfIdle(): void {
    if (this.#orders.size > 0 || this.#settling !== null) return;
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}

/** Whole numbers as text: the longer one is the larger one. */
function byId({ id: one }: OutboxMessage, { id: other }: OutboxMessage): number {
  return one.length - other.length || (one < other ? -1 : 1);
}
