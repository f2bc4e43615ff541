import { listDueMessages, settleMessages, type Database, type HeldDatabase, type OutboxMessage } from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';
import type { Publisher } from '@quarterhour/messaging';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import { Lane, type Results, type TakenMessage } from './lane.js';
import type { OutboxMetrics } from './metrics.js';
import { failureOf, troubleOf } from './trouble.js';

/** How often the outbox is looked at, and how often the lock is asked for by those who do not hold it. */
const LOOK_EVERY_MS = 200;
/** How often while something is about: what another process puts in does not wake this one. */
const LOOK_AGAIN_MS = 20;
/** How long something is about after it was found without a call. */
const ABOUT_MS = 5_000;
/** Within which time what nobody waits for by the millisecond is looked for. */
const SOON_MS = 20;
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

/**
 * Publishes what transactions decided to have published, after they are committed: at least once, under the message id that
 * they gave it. A message is deleted when the broker has confirmed that a queue has it, and not before.
 *
 * One process relays at a time: it holds a lock, and looks into the outbox on the connection that holds it, so that each look
 * proves the lock. Organisations go their own pace, so that one whose broker is slow keeps nobody waiting. In each, what
 * belongs to one order is sent one after the other, and waits with the first that fails; orders do not wait for each other,
 * nor for what was published to be written down.
 */
export class OutboxRelay {
  readonly #ctx: RelayContext;
  readonly #lanes = new Map<string, Lane>();
  #isLeading = false;
  /** Ends the wait for the next look early. */
  #nap = new AbortController();
  #isCalled = false;
  #soon: NodeJS.Timeout | null = null;
  #foundAt = -Infinity;

  constructor(ctx: RelayContext) {
    this.#ctx = ctx;
  }

  /** Whether this process is the one that relays. */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** Says that something was put in, by this process, for which somebody waits. */
  wake(): void {
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#soon = null;
    this.#isCalled = true;
    this.#nap.abort();
  }

  /** Says that something was put in, by this process, which may go with what comes within the next moment. */
  wakeSoon(): void {
    this.#soon ??= setTimeout(() => this.wake(), SOON_MS);
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
      await Promise.all([...this.#lanes.values()].map((lane) => lane.over()));
    }
  }

  get #napMs(): number {
    return this.#ctx.clock.monotonicMillis() - this.#foundAt < ABOUT_MS ? LOOK_AGAIN_MS : LOOK_EVERY_MS;
  }

  async #look(held: HeldDatabase): Promise<void> {
    const { register, clock } = this.#ctx;
    const lookedAt = clock.monotonicMillis();
    const isCalled = this.#isCalled;
    this.#isCalled = false;
    const lanes = register.current.organisationIds.map((orgId) => this.#laneOf(orgId)).filter(({ isFull }) => !isFull);
    for (const lane of lanes) lane.looks();
    const organisations = lanes.map(({ orgId }) => orgId);
    const inHand = lanes.flatMap((lane) => [...lane.inHand]);
    const due = await held.read(organisations, (trx) => listDueMessages(trx, organisations, MOST_OF_ONE, inHand));
    if (due.length > 0 && !isCalled) this.#foundAt = lookedAt;
    for (const [orgId, messages] of groupedBy(due, ({ orgId: owner }) => owner)) {
      const deadline = lookedAt + SEND_WITHIN_MS;
      this.#takeUp(
        this.#laneOf(orgId),
        messages.map((message) => ({ ...message, deadline })),
      );
    }
  }

  #takeUp(lane: Lane, messages: readonly TakenMessage[]): void {
    if (messages.length === MOST_OF_ONE) lane.looksAgain = true;
    for (const [orderKey, order] of groupedBy(messages, ({ orderKey: key }) => key)) {
      if (lane.take(orderKey, order)) void this.#relay(lane, orderKey);
    }
  }

  #laneOf(orgId: string): Lane {
    const known = this.#lanes.get(orgId);
    if (known !== undefined) return known;
    const lane = new Lane(orgId, (results) => this.#settle(orgId, results));
    this.#lanes.set(orgId, lane);
    return lane;
  }

  /** Publishes what is in hand of an order, one after the other. Never rejects. */
  async #relay(lane: Lane, orderKey: string): Promise<void> {
    const { clock } = this.#ctx;
    for (let next = lane.next(orderKey); next !== undefined; next = lane.next(orderKey)) {
      if (this.#isLeading && clock.monotonicMillis() <= next.deadline) await this.#publishOrFail(lane, next);
      else lane.leave(next);
    }
    if (!lane.looksAgain) return;
    lane.looksAgain = false;
    this.#nap.abort();
  }

  async #publishOrFail(lane: Lane, message: OutboxMessage): Promise<void> {
    const { metrics } = this.#ctx;
    try {
      await this.#publish(message);
      // fail point: relay_after_confirm_before_delete
      lane.published(message);
      metrics.published();
    } catch (error) {
      metrics.failed(troubleOf(error));
      this.#report(message, error);
      lane.failed(failureOf(message, error));
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
    for (let attempt = 0; ; attempt += 1) {
      try {
        const dropped = await db.transaction([orgId], (trx) => settleMessages(trx, orgId, results));
        if (dropped > 0) log.warn({ orgId, dropped }, 'dropped what is for a virtual host that went with its key');
        return;
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
