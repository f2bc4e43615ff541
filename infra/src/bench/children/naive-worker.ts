import { hostname } from 'node:os';
import { loadRegister, openDatabase } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { plantTelemetryStream, prepareBatch, Register, storeAll } from '@quarterhour/ingestion';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { instructions, report } from './talk.js';

const PREFETCH = 50;
const CONNECTIONS = 10;

/*
 * What one would write first, with the same guarantees: each message in a transaction of its own with its counts and the
 * worker's progress, acknowledged when that is committed, fifty at a time. It reads and stores by the product's own code, so
 * that only the batching differs.
 */
const { amqpUrl, ingestUrl, queue } = await instructions(
  z.object({ amqpUrl: z.string(), ingestUrl: z.string(), queue: z.string() }),
);
const worker = `naive-${hostname()
  .replace(/[^A-Za-z0-9._-]/g, '-')
  .slice(0, 40)}-${process.pid}`;
const db = openDatabase({ url: ingestUrl, applicationName: 'naive-worker', maxConnections: CONNECTIONS });
const register = new Register(await loadRegister(db));
const log = createLogger({ name: 'naive-worker', level: 'error' });
const broker = await openBroker({ url: amqpUrl, applicationName: 'naive-worker', log });
let batchNo = 0;

await broker.consume({
  queue,
  prefetch: PREFETCH,
  onDelivery: (amqp, consumer) => {
    const nowMillis = systemClock.nowMillis();
    const received = plantTelemetryStream.receive({ ...amqp, queue }, { register, nowMillis });
    const by = { worker, batchNo: (batchNo += 1), receivedAt: instantFromEpochMillis(nowMillis) };
    void db
      .transaction([received.orgId], (trx) => storeAll(trx, prepareBatch(plantTelemetryStream, [received]), by))
      .then(() => consumer.ack([amqp]));
  },
});
report({ ready: true });
