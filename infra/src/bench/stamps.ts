import { percentile } from './figures.js';

/** So many rows were stored under one stamp: a batch, or a message that was stored alone. */
export interface Stamp {
  /** Milliseconds, on whatever clock. */
  readonly at: number;
  readonly n: number;
}

/**
 * Messages per second, from the first stamp after the warm-up to the last one.
 *
 * A stamp is taken when a batch is taken in hand, so the last one's own messages are not counted: their time is not known.
 *
 * @param stamps in order of time
 * @param warmUp messages at the beginning that do not count
 * @throws RangeError when fewer than two stamps are left
 */
export function rateOf(stamps: readonly Stamp[], warmUp: number): number {
  let skipped = 0;
  const counted = stamps.filter(({ n }) => {
    const counts = skipped >= warmUp;
    if (!counts) skipped += n;
    return counts;
  });
  const first = counted[0];
  const last = counted.at(-1);
  if (first === undefined || last === undefined || first === last) {
    throw new RangeError(`${stamps.length} batches are too few for a rate after a warm-up of ${warmUp}`);
  }
  const messages = counted.slice(0, -1).reduce((sum, { n }) => sum + n, 0);
  return (messages / (last.at - first.at)) * 1_000;
}

/** When a message was sent, and the stamp under which it was stored, both in microseconds of one clock. */
export interface Timed {
  readonly sent: number;
  readonly stamped: number;
}

export interface Latency {
  readonly messages: number;
  /** Milliseconds until the transaction was under way. */
  readonly stamped: { readonly p50: number; readonly p99: number };
  /** Milliseconds until it was certainly committed. */
  readonly committed: { readonly p50: number; readonly p99: number; readonly max: number };
}

/**
 * How long messages took. A worker stores one batch after the other, so a batch was committed, at the latest, when the next
 * one took its stamp: that is what counts as committed here. The last batch is left out, since nothing follows it.
 *
 * @param dropBefore messages sent earlier do not count
 */
export function latencyOf(messages: readonly Timed[], dropBefore: number): Latency {
  const stamps = [...new Set(messages.map(({ stamped }) => stamped))].sort((left, right) => left - right);
  const next = new Map(stamps.slice(0, -1).map((stamp, index) => [stamp, stamps[index + 1] ?? NaN]));
  const toStamp: number[] = [];
  const toCommit: number[] = [];
  for (const { sent, stamped } of messages) {
    const committed = next.get(stamped);
    if (committed === undefined || sent < dropBefore) continue;
    toStamp.push((stamped - sent) / 1_000);
    toCommit.push((committed - sent) / 1_000);
  }
  return {
    messages: toCommit.length,
    stamped: { p50: percentile(toStamp, 50), p99: percentile(toStamp, 99) },
    committed: { p50: percentile(toCommit, 50), p99: percentile(toCommit, 99), max: percentile(toCommit, 100) },
  };
}
