import type { Topology } from '@quarterhour/contracts';
import { testVhost } from '@quarterhour/testkit';
import type { TestVhost } from '@quarterhour/testkit';
import { openBroker, rabbitApi } from '../src/index.js';
import type { AmqpDelivery, Broker, BrokerEvent, BrokerOptions, OutgoingMessage } from '../src/index.js';

/** A virtual host of the file's own, and what tests of this package keep doing in it. */
export async function aSetting() {
  const vhost = await testVhost();
  const closings: (() => Promise<unknown>)[] = [];
  return {
    vhost,
    api: rabbitApi({ url: vhost.apiUrl }),
    /** Opens a broker that the end of the test closes. */
    open: async (options: Partial<BrokerOptions> = {}) => {
      const opened = await anOpenBroker(vhost, options);
      closings.push(() => opened.broker.close());
      return opened;
    },
    afterTest: async () => {
      await Promise.all(closings.splice(0).map((close) => close()));
    },
    end: () => vhost.drop(),
  };
}

async function anOpenBroker(vhost: TestVhost, options: Partial<BrokerOptions>) {
  const events: BrokerEvent[] = [];
  const lines: { fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  const write = (fields: Readonly<Record<string, unknown>>, message: string) => void lines.push({ fields, message });
  const broker = await openBroker({
    url: vhost.amqpUrl,
    applicationName: 'messaging-test',
    log: { info: write, warn: write, error: write },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { broker, events, lines };
}

let serial = 0;

/** Names that no other test uses, and a topology that binds them. */
export function aQueue(): { queue: string; exchange: string; topology: Topology } {
  serial += 1;
  const [queue, exchange] = [`test.queue.${serial}`, `test.exchange.${serial}`];
  return {
    queue,
    exchange,
    topology: {
      exchanges: [{ name: exchange, type: 'topic' }],
      queues: [{ name: queue }],
      bindings: [{ exchange, queue, routingKey: 'key.#' }],
    },
  };
}

export function aMessage(exchange: string, text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { exchange, routingKey: 'key.one', body: Buffer.from(text), ...more };
}

/** Consumes into a list, settling nothing by itself. */
export async function collecting(broker: Broker, queue: string, prefetch = 100) {
  const deliveries: AmqpDelivery[] = [];
  let lost = 0;
  const consumer = await broker.consume({
    queue,
    prefetch,
    onDelivery: (delivery) => deliveries.push(delivery),
    onLost: () => (lost += 1),
  });
  return {
    consumer,
    deliveries,
    texts: () => deliveries.map(({ body }) => body.toString()),
    lost: () => lost,
  };
}
