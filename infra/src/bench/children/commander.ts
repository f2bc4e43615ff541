import { randomUUID } from 'node:crypto';
import { EXCHANGES, outboundQueue, partnerCommandKey, vcpAckEvent, VCP_VERSION } from '@quarterhour/contracts';
import { SIGNATURE_ALGORITHM, signatureOf, signingKeyBytes } from '@quarterhour/ingestion';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { instructions, report } from './talk.js';

const TICK_MS = 5;
const ANSWERED_WITHIN_MS = 10_000;

/*
 * A partner that commands devices at an even rate, signed, and takes the answers: how long each took, from the call that
 * publishes it to the answer in hand.
 */
const { amqpUrl, queuePrefix, signingKey, plants, deviceId, perSecond, seconds } = await instructions(
  z.object({
    amqpUrl: z.string(),
    queuePrefix: z.string(),
    signingKey: z.string(),
    plants: z.array(z.string()),
    deviceId: z.string(),
    perSecond: z.int(),
    seconds: z.number(),
  }),
);
const key = signingKeyBytes(signingKey);
const log = createLogger({ name: 'commander', level: 'error' });
const broker = await openBroker({ url: amqpUrl, applicationName: 'commander', log });
const publisher = broker.publisher();
const sentAt = new Map<string, number>();
const answers: { at: number; millis: number; isAck: boolean }[] = [];

await broker.consume({
  queue: outboundQueue(queuePrefix, 'status').name,
  prefetch: 500,
  onDelivery: (amqp, consumer) => {
    const { payload } = vcpAckEvent.parse(JSON.parse(amqp.body.toString()));
    const sent = sentAt.get(payload.commandMessageId);
    if (sent !== undefined) {
      answers.push({ at: sent - began, millis: systemClock.monotonicMillis() - sent, isAck: payload.status === 'ACK' });
    }
    consumer.ackUpTo(amqp);
  },
  onLost: () => undefined,
});

const began = systemClock.monotonicMillis();
const messages = perSecond * seconds;
const confirmed: Promise<void>[] = [];
while (confirmed.length < messages) {
  const due = Math.min(messages, Math.floor(((systemClock.monotonicMillis() - began) / 1_000) * perSecond));
  while (confirmed.length < due) confirmed.push(publisher.publish(next(confirmed.length)));
  await sleep(TICK_MS);
}
await Promise.all(confirmed);
const deadline = systemClock.monotonicMillis() + ANSWERED_WITHIN_MS;
while (answers.length < messages && systemClock.monotonicMillis() < deadline) await sleep(TICK_MS);
await broker.close();
report({ sent: messages, answers });

function next(index: number) {
  const content = {
    version: VCP_VERSION,
    messageId: randomUUID(),
    timestamp: systemClock.nowInstantText(),
    source: 'bench',
    siteId: plants[index % plants.length] ?? '',
    payload: { deviceId, action: 'CHARGE', powerKw: 5 },
    signatureAlgo: SIGNATURE_ALGORITHM,
  };
  const body = Buffer.from(JSON.stringify({ ...content, signature: signatureOf(content, key) }));
  sentAt.set(content.messageId, systemClock.monotonicMillis());
  return { exchange: EXCHANGES.vcp, routingKey: partnerCommandKey(queuePrefix, 'device'), body };
}
