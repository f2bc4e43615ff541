import { instantFromEpochMicros } from '@quarterhour/domain';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { sampleMessage } from '../samples.js';
import { instructions, report } from './talk.js';

const WINDOW = 1_000;
const TICK_MS = 1;

/*
 * Publishes at an even rate for some seconds. The instant at which a message is sent travels in it, as the instant at which
 * it was measured, to the microsecond. What is late is sent at once: a stall shows in the latencies and not in the rate.
 */
const { amqpUrl, queuePrefix, plants, perSecond, seconds } = await instructions(
  z.object({
    amqpUrl: z.string(),
    queuePrefix: z.string(),
    plants: z.array(z.string()),
    perSecond: z.int(),
    seconds: z.number(),
  }),
);
const log = createLogger({ name: 'publisher', level: 'error' });
const broker = await openBroker({ url: amqpUrl, applicationName: 'publisher', log });
const publisher = broker.publisher({ window: WINDOW });
const began = systemClock.monotonicMillis();
const beganMicros = systemClock.nowMillis() * 1_000;
const messages = perSecond * seconds;
const confirmed: Promise<void>[] = [];
let lastMicros = beganMicros;

while (confirmed.length < messages) {
  const due = Math.min(messages, Math.floor(((systemClock.monotonicMillis() - began) / 1_000) * perSecond));
  while (confirmed.length < due) confirmed.push(publisher.publish(next(confirmed.length)));
  await sleep(TICK_MS);
}
await Promise.all(confirmed);
await broker.close();
report({ sent: messages, beganMicros });

/** No two of one plant are of the same microsecond. */
function next(index: number) {
  const nowMicros = beganMicros + Math.floor((systemClock.monotonicMillis() - began) * 1_000);
  lastMicros = Math.max(nowMicros, lastMicros + 1);
  return sampleMessage(queuePrefix, plants[index % plants.length] ?? '', instantFromEpochMicros(lastMicros));
}
