import {
  listDueMessages,
  settleMessages,
  type Database,
  type FailedMessage,
  type HeldDatabase,
  type OutboxMessage,
} from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';
import type { Publisher } from '@quarterhour/messaging';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import type { OutboxMetrics } from './metrics.js';
import { failureOf, troubleOf } from './trouble.js';

/** How often the outbox is looked at, and how often the lock is asked for by those who do not hold it. */
const LOOK_EVERY_MS = 200;
/** How often while something is about: what another process puts in does not wake this one. */
const LOOK_AGAIN_MS = 20;
/** How long something is about after it was seen. */
const ABOUT_MS = 5_000;
/** What is taken is sent within this time or left for the next: nobody sends by a look that is long ago. */
const SEND_WITHIN_MS = 5_000;
const MOST_OF_ONE = 100;
const SETTLE_RETRY_MS = 500;

/** What relaying the outbox takes. */
export interface RelayContext {
  /** Of the relay alone: its only connection is the one that holds the lock. */
  readonly lockDb: Database;
  readonly db: Database;
  readonly register: { readonly current: Register };
  /**
   * What publishes into a virtual host, where messages wait a short while to be sent, or not at all.
   *
   * @throws BrokerUnreachableError while it does not let us in
   * @throws UnknownVhostError when it is nobody's
   */
  readonly publisherIn: (vhost: string) => Publisher;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: OutboxMetrics;
  readonly stopping: AbortSignal;
}

/** What became of messages of one organisation. */
interface Results {
  readonly published: string[];
  readonly failed: FailedMessage[];
}

/**
 * Publishes what transactions decided to have published, after they are committed: at least once, under the message id that
 * they gave it. A message is deleted when the broker has confirmed that a queue has it, and not before.
 *
 * One process relays at a time: it holds a lock, and looks into the outbox on the connection that holds it, so that each look
 * proves the lock. Organisations go their own pace, so that one whose broker is slow keeps nobody waiting. In each, what
 * belongs to one order is sent one after the other, and waits with the first that fails.
 */
export class OutboxRelay {
  readonly #ctx: RelayContext;
  /** Organisations whose messages are being published, with when that is over. */
  readonly #lanes = new Map<string, Promise<void>>();
  #isLeading = false;
  /** Ends the wait for the next look early. */
  #nap = new AbortController();
  /** How often somebody put something in. */
  #wakes = 0;
  #seenAt = -Infinity;

  constructor(ctx: RelayContext) {
    this.#ctx = ctx;
  }

  /** Whether this process is the one that relays. */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Says that something was put in, by this process. */
  wake(): void {
    this.#wakes += 1;
    this.#nap.abort();
  }

  /** Relays until told to stop; resolves when what was sent is written down. Never rejects. */
  async run(): Promise<void> {
    const { lockDb, log, stopping } = this.#ctx;
    stopping.addEventListener('abort', () => this.#nap.abort());
    let isLost = false;
    while (!stopping.aborted) {
      try {
        await lockDb.alone('outbox', (held) => this.#lead(held));
        isLost = false;
      } catch (error) {
        if (!isLost) log.warn({ err: error }, 'the outbox is not relayed from here, trying again');
        isLost = true;
      }
      await sleep(LOOK_EVERY_MS, stopping);
    }
  }

  async #lead(held: HeldDatabase): Promise<void> {
    const { log, stopping } = this.#ctx;
    log.info({}, 'relaying the outbox');
    this.#isLeading = true;
    try {
      while (!stopping.aborted) {
        this.#nap = new AbortController();
        await this.#look(held);
        await sleep(this.#napMs, this.#nap.signal);
      }
    } finally {
      this.#isLeading = false;
      await Promise.all(this.#lanes.values());
    }
  }

  get #napMs(): number {
    return this.#ctx.clock.monotonicMillis() - this.#seenAt < ABOUT_MS ? LOOK_AGAIN_MS : LOOK_EVERY_MS;
  }

  async #look(held: HeldDatabase): Promise<void> {
    const organisations = this.#ctx.register.current.organisationIds;
    const idle = organisations.filter((id) => !this.#lanes.has(id));
    if (idle.length === 0) return;
    const lookedAt = this.#ctx.clock.monotonicMillis();
    const wakes = this.#wakes;
    const due = await held.read(idle, (trx) => listDueMessages(trx, idle, MOST_OF_ONE));
    if (due.length > 0) this.#seenAt = lookedAt;
    for (const [orgId, messages] of groupedBy(due, ({ orgId: owner }) => owner)) {
      const lane = this.#relay(orgId, messages, lookedAt + SEND_WITHIN_MS).finally(() => {
        this.#lanes.delete(orgId);
        // What was put in meanwhile was left for later.
        if (messages.length === MOST_OF_ONE || this.#wakes !== wakes) this.#nap.abort();
      });
      this.#lanes.set(orgId, lane);
    }
  }

  /** Never rejects. */
  async #relay(orgId: string, messages: readonly OutboxMessage[], deadline: number): Promise<void> {
    const results: Results = { published: [], failed: [] };
    const orders = [...groupedBy(messages, ({ orderKey }) => orderKey).values()];
    await Promise.all(orders.map((order) => this.#publishInOrder(order, deadline, results)));
    // fail point: relay_after_confirm_before_delete
    await this.#settle(orgId, results);
  }

  async #publishInOrder(order: readonly OutboxMessage[], deadline: number, results: Results): Promise<void> {
    const { clock, metrics } = this.#ctx;
    for (const message of order) {
      if (!this.#isLeading || clock.monotonicMillis() > deadline) return;
      try {
        await this.#publish(message);
        results.published.push(message.id);
        metrics.published();
      } catch (error) {
        results.failed.push(failureOf(message, error));
        metrics.failed(troubleOf(error));
        this.#report(message, error);
        return;
      }
    }
  }

  async #publish({ vhost, exchange, routingKey, body, messageId }: OutboxMessage): Promise<void> {
    const published = this.#ctx.publisherIn(vhost).publish({ exchange, routingKey, body, messageId });
    // fail point: relay_after_publish_before_confirm
    await published;
  }

  /** Until it is done: what is not written down is published again. */
  async #settle(orgId: string, results: Results): Promise<void> {
    const { db, log, stopping } = this.#ctx;
    if (results.published.length + results.failed.length === 0) return;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await db.transaction([orgId], (trx) => settleMessages(trx, orgId, results));
      } catch (error) {
        if (attempt === 0) log.warn({ err: error }, 'what was published is not written down yet, trying again');
        if (stopping.aborted) return;
        await sleep(SETTLE_RETRY_MS, stopping);
      }
    }
  }

  #report({ orgId, vhost, exchange, routingKey, messageId, attempts }: OutboxMessage, error: unknown): void {
    if (attempts > 0) return;
    const about = { err: error, orgId, vhost, exchange, routingKey, messageId };
    this.#ctx.log.warn(about, 'a message cannot be published yet, trying again');
  }
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
