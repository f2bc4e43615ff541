import { EXCHANGES } from '@quarterhour/contracts';
import { NO_ORGANISATION } from '@quarterhour/db';
import type { Delivery } from '../delivery.js';
import type { ReceiveContext, Refused } from '../received.js';
import { PRECIOUS, type Stream } from '../stream.js';
import { assetStatusStream } from './asset-status.js';
import { commandAnswerStream } from './command-answer.js';
import { dispatchStream } from './dispatch.js';
import { partnerCommandStream } from './partner-command.js';
import { plantTelemetryStream } from './plant-telemetry.js';
import { tradingConfigStream } from './trading-config.js';

/**
 * What the broker gave up on, because nobody settled it however often it was delivered. It may be what killed those who
 * tried, so it is not read: it goes to quarantine as it is, with the stream that it was meant for, to be replayed from
 * there.
 */
export const deadLetterStream: Stream<never> = {
  name: 'dead-letter',
  limits: PRECIOUS,
  ownerOf: ({ owner }) => owner ?? null,
  receive,
  partitionDays: () => [],
  prepare: () => ({ store: () => Promise.resolve([]) }),
};

function receive(delivery: Delivery, { register }: ReceiveContext): Refused {
  const { exchange, queue, routingKey, why } = deathOf(delivery);
  const original: Delivery = { ...delivery, exchange, queue, routingKey };
  const stream = streamMeant(original);
  return {
    kind: 'refused',
    stream: stream?.name ?? 'dead-letter',
    delivery: original,
    orgId: delivery.owner ?? stream?.ownerOf(original, register) ?? NO_ORGANISATION,
    messageId: delivery.properties.messageId?.slice(0, 200) ?? null,
    fault: { reason: 'delivery_limit', path: null, detail: `the broker gave up on it: ${why}`, waitsFor: null },
  };
}

function streamMeant({ exchange, routingKey }: Delivery): Pick<Stream<unknown>, 'name' | 'ownerOf'> | null {
  switch (exchange) {
    case EXCHANGES.dispatch:
      return dispatchStream;
    case EXCHANGES.trading:
      return tradingConfigStream;
    case EXCHANGES.fleet:
      return fleetStream(routingKey.split('.')[0]);
    case EXCHANGES.vcp:
      return partnerStream(routingKey.split('.')[1]);
    default:
      return null;
  }
}

function fleetStream(family: string | undefined): Pick<Stream<unknown>, 'name' | 'ownerOf'> {
  switch (family) {
    case 'status':
      return assetStatusStream;
    case 'answer':
      return commandAnswerStream;
    default:
      return plantTelemetryStream;
  }
}

/** What a partner sends and no stream takes, stays with this one. */
function partnerStream(family: string | undefined): Pick<Stream<unknown>, 'name' | 'ownerOf'> | null {
  switch (family) {
    case 'config':
      return tradingConfigStream;
    case 'telemetry':
      return plantTelemetryStream;
    case 'command':
    case 'schedule':
      return partnerCommandStream;
    default:
      return null;
  }
}

/** The broker writes the last death first. What it did not write is taken from the delivery itself. */
function deathOf(delivery: Delivery): { exchange: string; queue: string; routingKey: string; why: string } {
  const deaths = delivery.properties.headers['x-death'];
  const death: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  const member = (name: string): unknown =>
    typeof death === 'object' && death !== null ? Reflect.get(death, name) : undefined;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const keys = member('routing-keys');
  return {
    exchange: text(member('exchange')) ?? delivery.exchange,
    queue: text(member('queue')) ?? delivery.queue,
    routingKey: (Array.isArray(keys) ? text(keys[0]) : undefined) ?? delivery.routingKey,
    why: (text(member('reason')) ?? 'it does not say why').slice(0, 100),
  };
}
