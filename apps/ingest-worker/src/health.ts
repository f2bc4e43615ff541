import type { Database } from '@quarterhour/db';
import type { Broker } from '@quarterhour/messaging';
import type { HealthCheck } from '@quarterhour/runtime';
import type { JobState } from './periodically.js';

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

/** A job that fails shows why; whether it matters is what the streams say. */
export function jobCheck(name: string, state: Readonly<JobState>): HealthCheck {
  return { name: `job-${name}`, check: () => Promise.resolve({ ok: true, detail: { ...state } }) };
}
