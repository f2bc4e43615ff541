import { OUTCOMES, REASON_NAMES, STREAMS, type Outcome, type StreamName } from '@quarterhour/contracts';
import type { Received } from '@quarterhour/ingestion';
import type { Metrics } from '@quarterhour/runtime';

const BATCH_SIZES = [1, 3, 10, 30, 100, 300, 1_000];
const SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** What the worker counts. Labels are closed sets: streams, outcomes and reasons. */
export interface IngestMetrics {
  stored(stream: StreamName, batch: readonly Received<unknown>[], outcomes: readonly Outcome[], tookMs: number): void;
}

export function ingestMetrics(metrics: Metrics): IngestMetrics {
  const deliveries = metrics.counter({
    name: 'quarterhour_ingest_deliveries_total',
    help: 'Deliveries settled, by outcome',
    labels: { stream: STREAMS, outcome: OUTCOMES },
  });
  const refusals = metrics.counter({
    name: 'quarterhour_ingest_refusals_total',
    help: 'Deliveries that receive refused, by reason',
    labels: { stream: STREAMS, reason: REASON_NAMES },
  });
  const sizes = metrics.histogram({
    name: 'quarterhour_ingest_batch_messages',
    help: 'Deliveries per batch',
    labels: { stream: STREAMS },
    buckets: BATCH_SIZES,
  });
  const seconds = metrics.histogram({
    name: 'quarterhour_ingest_batch_seconds',
    help: 'From taking a batch in hand to its acknowledgement',
    labels: { stream: STREAMS },
    buckets: SECONDS,
  });
  return {
    stored(stream, batch, outcomes, tookMs) {
      sizes.observe({ stream }, batch.length);
      seconds.observe({ stream }, tookMs / 1_000);
      for (const [outcome, n] of tally(outcomes)) deliveries.add({ stream, outcome }, n);
      const reasons = batch.flatMap((received) => (received.kind === 'refused' ? [received.fault.reason] : []));
      for (const [reason, n] of tally(reasons)) refusals.add({ stream, reason }, n);
    },
  };
}

function tally<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
