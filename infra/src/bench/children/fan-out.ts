import { randomUUID } from 'node:crypto';
import { EXCHANGES, fleetTelemetryKey, outboundQueue, VCP_VERSION } from '@quarterhour/contracts';
import { openBroker } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import { instructions, report } from './talk.js';

const TICK_MS = 1;
const TOLD_WITHIN_MS = 10_000;

/*
 * The gateways of partners' plants at an even rate, and the partners who read what they are told: how long each sample took,
 * from the call that publishes it to the event in hand.
 */
const { amqpUrl, partners, perSecond, seconds } = await instructions(
  z.object({
    amqpUrl: z.string(),
    partners: z.array(
      z.object({ amqpUrl: z.string(), queuePrefix: z.string(), plantId: z.string(), reads: z.boolean() }),
    ),
    perSecond: z.int(),
    seconds: z.number(),
  }),
);
const event = z.object({ payload: z.object({ consumptionPowerKw: z.number() }) });
const log = createLogger({ name: 'fan-out', level: 'error' });
const open = (url: string) => openBroker({ url, applicationName: 'fan-out', log });
const fleet = await open(amqpUrl);
const publisher = fleet.publisher();
const told: { at: number; millis: number }[] = [];
const readers = partners.filter(({ reads }) => reads);
const brokers = await Promise.all(readers.map(({ amqpUrl: url }) => open(url)));
const began = systemClock.monotonicMillis();

for (const [place, { queuePrefix }] of readers.entries()) {
  await brokers[place]?.consume({
    queue: outboundQueue(queuePrefix, 'telemetry').name,
    prefetch: 500,
    onDelivery: (amqp, consumer) => {
      const sent = event.parse(JSON.parse(amqp.body.toString())).payload.consumptionPowerKw;
      if (sent >= began) told.push({ at: sent - began, millis: systemClock.monotonicMillis() - sent });
      consumer.ackUpTo(amqp);
    },
  });
}

const messages = perSecond * seconds;
const confirmed: Promise<void>[] = [];
while (confirmed.length < messages) {
  const due = Math.min(messages, Math.floor(((systemClock.monotonicMillis() - began) / 1_000) * perSecond));
  while (confirmed.length < due) confirmed.push(publisher.publish(next(confirmed.length)));
  await sleep(TICK_MS);
}
await Promise.all(confirmed);
const expected = Math.floor((messages * readers.length) / partners.length);
const deadline = systemClock.monotonicMillis() + TOLD_WITHIN_MS;
while (told.length < expected && systemClock.monotonicMillis() < deadline) await sleep(TICK_MS);
await Promise.all([fleet, ...brokers].map((broker) => broker.close()));
report({ expected, told });

/** When it was sent travels in the sample: what is measured is told as it is. */
function next(index: number) {
  const plantId = partners[index % partners.length]?.plantId ?? '';
  const sample = {
    version: VCP_VERSION,
    messageId: randomUUID(),
    timestamp: systemClock.nowInstantText(),
    source: 'bench',
    siteId: plantId,
    payload: {
      gridPowerKw: 1,
      fvePowerKw: 2,
      batteryPowerKw: 3,
      consumptionPowerKw: systemClock.monotonicMillis(),
      socPercent: 50,
      dataQuality: 'GOOD',
    },
  };
  const body = Buffer.from(JSON.stringify(sample));
  return { exchange: EXCHANGES.fleet, routingKey: fleetTelemetryKey('realtime', plantId), body };
}
