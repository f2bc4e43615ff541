import type { Database } from '@quarterhour/db';
import type { Broker } from '@quarterhour/messaging';
import type { HealthCheck, JobState } from '@quarterhour/runtime';

export function databaseCheck(db: Database): HealthCheck {
  return { name: 'database', check: () => db.ping().then(() => ({ ok: true })) };
}

export function brokerCheck(broker: Broker): HealthCheck {
  return {
    name: 'broker',
    check: () => {
      const state = broker.state();
      return Promise.resolve({ ok: state.consume === 'connected', detail: { ...state } });
    },
  };
}

/**
 * A job that fails shows why.
 *
 * @param isVital its failure matters by itself. Of others, the streams say whether it does
 */
export function jobCheck(name: string, state: Readonly<JobState>, { isVital = false } = {}): HealthCheck {
  return {
    name: `job-${name}`,
    check: () => Promise.resolve({ ok: !isVital || state.error === null, detail: { ...state } }),
  };
}
