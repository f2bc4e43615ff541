import type { StreamName } from '@quarterhour/contracts';
import type { RowVerdict, Trx } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import type { Delivery } from './delivery.js';
import type { ReceiveContext, Received, Understood } from './received.js';

/** How much of a stream is taken at once. */
export interface StreamLimits {
  /** Unacknowledged deliveries per queue. */
  readonly prefetch: number;
  readonly batchMessages: number;
  readonly batchBytes: number;
  /** Largest body that is read; a larger one is quarantined unread. */
  readonly bodyBytes: number;
}

/** What became of an understood delivery in its stream's tables. */
export type Verdict = RowVerdict;

/** One kind of thing that arrives: how it is understood and how it is kept. */
export interface Stream<Fact> {
  readonly name: StreamName;
  readonly limits: StreamLimits;

  /** Bytes to a fact or a reason. Pure and synchronous; never throws. */
  receive(delivery: Delivery, ctx: ReceiveContext): Received<Fact>;

  /** UTC days, `YYYY-MM-DD`, whose partitions these facts need. */
  partitionDays(batch: readonly Understood<Fact>[]): readonly string[];

  /**
   * Keeps facts, one statement per table, and says per delivery, in order, what became of it.
   *
   * @param receivedAt stamped on measured facts; agreed ones carry the `known_at` of their transaction instead
   * @throws PartlyStoredError when a message of several rows conflicts in some: the transaction must be rolled back
   */
  store(trx: Trx, batch: readonly Understood<Fact>[], receivedAt: UtcInstant): Promise<readonly Verdict[]>;
}

/** High-rate streams: many small messages, worth taking by the thousand. */
export const HIGH_RATE: StreamLimits = {
  prefetch: 2_000,
  batchMessages: 1_000,
  batchBytes: 4 * 1024 * 1024,
  bodyBytes: 64 * 1024,
};

/** Precious streams: few messages, each with a receipt of its own. */
export const PRECIOUS: StreamLimits = {
  prefetch: 200,
  batchMessages: 200,
  batchBytes: 4 * 1024 * 1024,
  bodyBytes: 256 * 1024,
};

/**
 * Some rows of a message are new and others contradict what stands. A message is stored whole or not at all, so the
 * caller rolls back and comes again with these messages set aside.
 */
export class PartlyStoredError extends Error {
  override readonly name = 'PartlyStoredError';
  /** Positions in the batch of the messages to set aside as `conflict`. */
  readonly positions: readonly number[];

  constructor(positions: readonly number[]) {
    super(`${positions.length} message(s) contradict stored rows in part`);
    this.positions = positions;
  }
}
