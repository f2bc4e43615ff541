import type { StreamName } from '@quarterhour/contracts';
import type { RowVerdict, Trx, VersionVerdict } from '@quarterhour/db';
import type { Delivery } from './delivery.js';
import type { Register } from './register.js';
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
export type Verdict = RowVerdict | VersionVerdict | 'rejected';

/** One kind of thing that arrives: how it is understood and how it is kept. */
export interface Stream<Fact> {
  readonly name: StreamName;
  readonly limits: StreamLimits;

  /** Whose a delivery is as far as exchange and routing key tell, without a look at its body; null when they do not. */
  ownerOf(delivery: Delivery, register: Register): string | null;

  /** Bytes to a fact or a reason. Pure and synchronous; never throws. */
  receive(delivery: Delivery, ctx: ReceiveContext): Received<Fact>;

  /** UTC days, `YYYY-MM-DD`, whose partitions these facts need. */
  partitionDays(batch: readonly Understood<Fact>[]): readonly string[];

  /** Makes facts ready to be stored, as far as that can be done before there is a transaction. Pure and synchronous. */
  prepare(batch: readonly Understood<Fact>[]): PreparedFacts;
}

/** Facts that are ready to be stored, in this transaction or that. */
export interface PreparedFacts {
  /** Keeps them, one statement per table, and says per delivery, in order, what became of it. */
  store(trx: Trx): Promise<readonly Verdict[]>;
}

/**
 * High-rate streams: many small messages, worth taking by the thousand. The window holds four batches, because a broker that works
 * takes a while after an acknowledgement to send more.
 */
export const HIGH_RATE: StreamLimits = {
  prefetch: 4_000,
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
