import { insertRealtimeSamples, type Database } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { plantTelemetryStream, type Register } from '@quarterhour/ingestion';
import type { Broker, Consumer } from '@quarterhour/messaging';
import { systemClock } from '@quarterhour/runtime';

const PREFETCH = 50;

/**
 * What one would write first: each message in a transaction of its own, acknowledged when it is committed, fifty at a time.
 * It reads messages with the product's own `receive`, so that only the way of storing differs.
 */
export function naiveWorker(broker: Broker, db: Database, register: Register, queue: string): Promise<Consumer> {
  return broker.consume({
    queue,
    prefetch: PREFETCH,
    onDelivery: (amqp, consumer) => {
      const nowMillis = systemClock.nowMillis();
      const received = plantTelemetryStream.receive({ ...amqp, queue }, { register, nowMillis });
      if (received.kind === 'refused' || received.fact.kind !== 'realtime')
        throw new Error('only samples are published');
      const row = { ...received.fact.sample, arrivedAt: null, receivedAt: instantFromEpochMillis(nowMillis) };
      void db
        .transaction([received.orgId], (trx) => insertRealtimeSamples(trx, [row]))
        .then(() => consumer.ack([amqp]));
    },
  });
}
