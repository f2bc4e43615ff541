import type { Database } from '@quarterhour/db';
import type { Broker } from '@quarterhour/messaging';
import type { HealthCheck } from '@quarterhour/runtime';

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
