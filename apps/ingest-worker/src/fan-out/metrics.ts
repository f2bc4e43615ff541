import type { Metrics } from '@quarterhour/runtime';

/** What is counted of telling partners. */
export interface FanOutMetrics {
  told(): void;
  dropped(): void;
  stands(state: { readonly stalled: number }): void;
}

export function fanOutMetrics(metrics: Metrics): FanOutMetrics {
  const told = metrics.counter({
    name: 'quarterhour_fan_out_told_total',
    help: 'Telemetry events that the broker of a key has confirmed',
  });
  const dropped = metrics.counter({
    name: 'quarterhour_fan_out_dropped_total',
    help: 'Telemetry events given up because a key did not get on',
  });
  const stalled = metrics.gauge({
    name: 'quarterhour_fan_out_stalled_keys',
    help: 'Keys whose virtual host takes no telemetry at the moment',
  });
  return {
    told: () => told.add({}),
    dropped: () => dropped.add({}),
    stands: (state) => stalled.set({}, state.stalled),
  };
}
