import { HIGH_RATE } from '@quarterhour/ingestion';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { instructions, report } from './talk.js';

/*
 * How fast the queue can be emptied at all from Node: takes and acknowledges as the product does under load, a full batch at
 * a time, and stores nothing.
 */
const { amqpUrl, queue, messages } = await instructions(
  z.object({ amqpUrl: z.string(), queue: z.string(), messages: z.int() }),
);
const log = createLogger({ name: 'no-op-drain', level: 'error' });
const broker = await openBroker({ url: amqpUrl, applicationName: 'no-op-drain', log });
let taken = 0;
let acknowledged = 0;

await broker.consume({
  queue,
  prefetch: HIGH_RATE.prefetch,
  onDelivery: (amqp, consumer) => {
    taken += 1;
    if (taken > messages) throw new Error(`more than the ${messages} messages that were published`);
    const n = taken - acknowledged;
    if (n < HIGH_RATE.batchMessages && taken < messages) return;
    consumer.ackUpTo(amqp);
    acknowledged = taken;
    report({ at: systemClock.monotonicMillis(), n });
  },
});
