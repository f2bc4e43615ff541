import type { OutboxState } from '@quarterhour/db';
import type { Metrics } from '@quarterhour/runtime';
import { TROUBLES, type Trouble } from './trouble.js';

/** What is counted of the outbox. */
export interface OutboxMetrics {
  published(): void;
  failed(trouble: Trouble): void;
  stands(state: OutboxState): void;
}

export function outboxMetrics(metrics: Metrics): OutboxMetrics {
  const published = metrics.counter({
    name: 'quarterhour_outbox_published_total',
    help: 'Messages of the outbox that the broker has confirmed',
  });
  const failures = metrics.counter({
    name: 'quarterhour_outbox_failures_total',
    help: 'Attempts to publish a message of the outbox that failed, by what was in the way',
    labels: { trouble: TROUBLES },
  });
  const depth = metrics.gauge({
    name: 'quarterhour_outbox_messages',
    help: 'Messages that wait to be published, the same in every worker',
  });
  const lag = metrics.gauge({
    name: 'quarterhour_outbox_lag_seconds',
    help: 'Age of the oldest message that waits to be published, the same in every worker',
  });
  return {
    published: () => published.add({}),
    failed: (trouble) => failures.add({ trouble }),
    stands({ depth: messages, lagSeconds }) {
      depth.set({}, messages);
      lag.set({}, lagSeconds);
    },
  };
}
