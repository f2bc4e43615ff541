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
 * Of what is confirmed only the number is kept: to collect it as garbage would stall a machine that is to be measured. A
 * message that is not confirmed ends the process.
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
let lastMicros = beganMicros;
let sent = 0;
let confirmed = 0;

while (sent < messages) {
  const due = Math.min(messages, Math.floor(((systemClock.monotonicMillis() - began) / 1_000) * perSecond));
  for (; sent < due; sent += 1) void publisher.publish(next(sent)).then(() => (confirmed += 1));
  await sleep(TICK_MS);
}
while (confirmed < sent) await sleep(TICK_MS);
await broker.close();
report({ sent, beganMicros });

/** No two of one plant are of the same microsecond. */
function next(index: number) {
  const nowMicros = beganMicros + Math.floor((systemClock.monotonicMillis() - began) * 1_000);
  lastMicros = Math.max(nowMicros, lastMicros + 1);
  return sampleMessage(queuePrefix, plants[index % plants.length] ?? '', instantFromEpochMicros(lastMicros));
}
