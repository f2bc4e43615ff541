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

/**
 * One organisation's messages on their way: which are in hand, and what is to be written down about those that were sent.
 *
 * What is written down is collected for a moment, and while the write before is under way. Until it is, a message counts as in
 * hand. An order that failed is busy until somebody looks who sees that it has to wait.
 */
export class Lane {
  readonly orgId: string;
  readonly #settle: (results: Results) => Promise<void>;
  readonly #inHand = new Set<string>();
  /** Orders of which something is being published. */
  readonly #busy = new Set<string>();
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

  /** Ids of messages that are being published, or are and it is not written down. */
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

  /** Whether messages of this order have to wait. */
  isBusy(orderKey: string): boolean {
    return this.#busy.has(orderKey) || this.#failed.has(orderKey);
  }

  begin(orderKey: string, order: readonly OutboxMessage[]): void {
    this.#busy.add(orderKey);
    for (const { id } of order) this.#inHand.add(id);
  }

  end(orderKey: string, order: readonly OutboxMessage[], { published, failed }: Results): void {
    const isPublished = new Set(published);
    for (const { id } of order) if (!isPublished.has(id)) this.#inHand.delete(id);
    if (failed.length > 0) this.#failed.set(orderKey, false);
    this.#busy.delete(orderKey);
    this.#results.published.push(...published);
    this.#results.failed.push(...failed);
    this.#settling ??= this.#settleAll();
  }

  /** Resolves when nothing is being published and everything is written down. */
  async over(): Promise<void> {
    while (this.#busy.size > 0 || this.#settling !== null) {
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
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}
