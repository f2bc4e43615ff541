import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@quarterhour/testkit';
import type { AmqpDelivery, Consumer } from '../src/index.js';
import { aMessage, aQueue, aSetting, collecting } from './setting.js';

let setting: Awaited<ReturnType<typeof aSetting>>;
beforeAll(async () => {
  setting = await aSetting();
}, 60_000);
afterEach(() => setting.afterTest());
afterAll(() => setting.end());

/** A broker with a declared queue, its publisher and its consumer. */
async function aConsumedQueue() {
  const opened = await setting.open();
  const { broker } = opened;
  const place = aQueue();
  await broker.declare(place.topology);
  const publisher = broker.publisher();
  const say = (...texts: string[]) =>
    Promise.all(texts.map((text) => publisher.publish(aMessage(place.exchange, text))));
  return { ...opened, ...place, publisher, say, ...(await collecting(broker, place.queue)) };
}

/** Whoever consumes next sees what is still in the queue. */
async function leftIn(queue: string): Promise<string[]> {
  const { broker } = await setting.open();
  const { texts, consumer } = await collecting(broker, queue);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await consumer.close();
  return texts();
}

describe('consuming', () => {
  test('hands over body, key and properties, and what was acknowledged does not come again', async () => {
    const { broker, publisher, exchange, queue, consumer, deliveries } = await aConsumedQueue();
    await publisher.publish(
      aMessage(exchange, '{"n":1}', { messageId: 'm-1', type: 'reading', headers: { 'x-try': 'one' } }),
    );
    await eventually(() => expect(deliveries).toHaveLength(1));
    expect(deliveries[0]).toMatchObject({
      body: Buffer.from('{"n":1}'),
      exchange,
      routingKey: 'key.one',
      redelivered: false,
      properties: {
        messageId: 'm-1',
        contentType: 'application/json',
        contentEncoding: undefined,
        type: 'reading',
        appId: 'messaging-test',
        timestamp: undefined,
        headers: { 'x-try': 'one' },
      },
    });
    expect(consumer.state).toBe('consuming');
    expect(broker.state()).toMatchObject({
      consume: 'connected',
      publish: 'connected',
      blockedBy: null,
      consumers: [{ queue, state: 'consuming' }],
      publishers: [{ inFlight: 0, waiting: 0 }],
    });
    consumer.ack(deliveries);
    await consumer.close();
    expect(broker.state().consumers).toEqual([]);
    expect(await leftIn(queue)).toEqual([]);
  });

  test('acknowledging up to a delivery settles the earlier ones and not the later ones', async () => {
    const { say, queue, consumer, deliveries } = await aConsumedQueue();
    await say('a', 'b', 'c', 'd');
    await eventually(() => expect(deliveries).toHaveLength(4));
    consumer.ackUpTo(deliveries[2]!);
    await consumer.close();
    expect(await leftIn(queue)).toEqual(['d']);
  });

  test('no more than the prefetch is unsettled at a time', async () => {
    const { broker, exchange, queue } = await aConsumedQueue().then(async (opened) => {
      await opened.consumer.close();
      return opened;
    });
    const publisher = broker.publisher();
    await Promise.all(['a', 'b', 'c'].map((text) => publisher.publish(aMessage(exchange, text))));
    const { consumer, deliveries, texts } = await collecting(broker, queue, 2);
    await eventually(() => expect(deliveries).toHaveLength(2));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(texts()).toEqual(['a', 'b']);
    consumer.ackUpTo(deliveries[1]!);
    await eventually(() => expect(texts()).toEqual(['a', 'b', 'c']));
  });

  test('a queue that does not exist yet is consumed as soon as it does', async () => {
    const { broker, events } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    const { consumer, texts } = await collecting(broker, queue);
    expect(consumer.state).toBe('recovering');
    expect(events).toContain('channel-lost');
    await broker.declare(topology);
    await eventually(() => expect(consumer.state).toBe('consuming'));
    await broker.publisher().publish(aMessage(exchange, 'a'));
    await eventually(() => expect(texts()).toEqual(['a']));
  });

  test('a handler that throws loses nothing, however much is settled after it, and is written down', async () => {
    const { broker, lines } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    await broker.declare(topology);
    const publisher = broker.publisher();
    await publisher.publish(aMessage(exchange, 'a'));
    await publisher.publish(aMessage(exchange, 'b'));
    const taken: string[] = [];
    let failures = 0;
    await broker.consume({
      queue,
      prefetch: 10,
      onDelivery: (delivery, consumer) => {
        const text = delivery.body.toString();
        if (text === 'a' && failures < 2) {
          failures += 1;
          throw new Error('cannot take a');
        }
        taken.push(text);
        consumer.ackUpTo(delivery);
      },
    });
    await eventually(() => expect(taken.toSorted()).toEqual(['a', 'b']));
    expect(lines.filter(({ message }) => message === 'a delivery was not taken: giving all back')).toMatchObject([
      { fields: { err: { message: 'cannot take a' } } },
      { fields: { err: { message: 'cannot take a' } } },
    ]);
  });
});

describe('a channel that the broker closes', () => {
  test('is replaced; what was not settled comes again, marked as redelivered', async () => {
    const { say, consumer, deliveries, lost, events } = await aConsumedQueue();
    await say('a', 'b');
    await eventually(() => expect(deliveries).toHaveLength(2));
    const [first, second] = deliveries;
    consumer.ack([first!]);
    consumer.ack([first!]); // 406: unknown delivery tag

    await eventually(() => expect(deliveries).toHaveLength(3));
    expect(deliveries[2]).toMatchObject({ body: Buffer.from('b'), redelivered: true });
    expect(lost()).toBe(1);
    expect(events.filter((event) => event === 'channel-lost')).toHaveLength(1);
    expect(consumer.state).toBe('consuming');
    expect([consumer.isCurrent(second!), consumer.isCurrent(deliveries[2]!)]).toEqual([false, true]);
  });

  test('takes its acknowledgements with it: a late one is dropped, counted, and settles nothing on the new channel', async () => {
    const { say, queue, consumer, deliveries, events } = await aConsumedQueue();
    await say('a', 'b');
    await eventually(() => expect(deliveries).toHaveLength(2));
    const [first, second] = deliveries;
    consumer.ack([first!, first!]);
    await eventually(() => expect(consumer.isCurrent(second!)).toBe(false));
    consumer.ackUpTo(second!);
    await eventually(() => expect(deliveries).toHaveLength(3));
    consumer.ackUpTo(second!);
    consumer.ack([second!]);
    expect(events.filter((event) => event === 'ack-dropped')).toHaveLength(3);
    await say('c');
    await eventually(() => expect(deliveries).toHaveLength(4));
    await consumer.close();
    expect(await leftIn(queue)).toEqual(['b', 'c']);
  });
});

describe('a consumer that is reopened', () => {
  test('gives back what is not settled, counted as delivered in vain, and takes it again with the new prefetch', async () => {
    const { broker, say, queue, consumer, deliveries, texts, lost, events } = await aConsumedQueue();
    await say('a', 'b', 'c');
    await eventually(() => expect(deliveries).toHaveLength(3));
    consumer.ack([deliveries[0]!]);
    consumer.reopen(1);
    expect(deliveries.map((delivery) => consumer.isCurrent(delivery))).toEqual([false, false, false]);
    await eventually(() => expect(deliveries).toHaveLength(4));
    expect(deliveries[3]).toMatchObject({ body: Buffer.from('b'), redelivered: true, failedDeliveries: 1 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await broker.depthOf(queue)).toEqual({ ready: 1, consumers: 1 });
    consumer.ack([deliveries[3]!]);
    await eventually(() => expect(texts()).toEqual(['a', 'b', 'c', 'b', 'c']));
    expect(lost()).toBe(1);
    expect(events).not.toContain('channel-lost');
  });

  test('hands over nothing that was under way on the channel before', async () => {
    const { broker } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    await broker.declare(topology);
    const publisher = broker.publisher();
    for (const text of ['a', 'b', 'c']) await publisher.publish(aMessage(exchange, text));
    const taken: string[] = [];
    const consumer = await broker.consume({
      queue,
      prefetch: 10,
      onDelivery: ({ body }, from) => {
        taken.push(body.toString());
        if (taken.length === 1) from.reopen();
      },
    });
    await eventually(() => expect(taken).toHaveLength(4));
    expect(taken).toEqual(['a', 'a', 'b', 'c']);
    await consumer.close();
  });

  test('does not believe a publisher who says how often a message was delivered in vain', async () => {
    const { publisher, exchange, deliveries } = await aConsumedQueue();
    await publisher.publish(aMessage(exchange, 'a', { headers: { 'x-delivery-count': 99 } }));
    await eventually(() => expect(deliveries).toHaveLength(1));
    expect(deliveries[0]?.failedDeliveries).toBe(0);
  });
});

describe('the depth of a queue', () => {
  test('is told of one that exists, and null of one that does not, without disturbing anybody', async () => {
    const { broker, say, queue, consumer, deliveries, events } = await aConsumedQueue();
    await say('a');
    await eventually(() => expect(deliveries).toHaveLength(1));
    expect(await Promise.all([broker.depthOf('test.queue.never'), broker.depthOf(queue)])).toEqual([
      null,
      { ready: 0, consumers: 1 },
    ]);
    expect(consumer.isCurrent(deliveries[0]!)).toBe(true);
    expect(events).not.toContain('channel-lost');
    expect(broker.state().consume).toBe('connected');
  });
});

describe('a connection that is made anew', () => {
  test('comes back with its consumers, and what was not settled comes again', async () => {
    const { broker, say, deliveries, texts, events } = await aConsumedQueue();
    await say('a');
    await eventually(() => expect(deliveries).toHaveLength(1));
    await broker.reconnect();
    await eventually(() => expect(texts()).toEqual(['a', 'a']));
    expect(events.filter((event) => event === 'connected').length).toBeGreaterThanOrEqual(2);
    await say('b');
    await eventually(() => expect(texts()).toEqual(['a', 'a', 'b']));
  });
});

describe('headers that are nested too deeply', () => {
  test.each([
    ['tables', '{"a":', '}'],
    ['lists', '[', ']'],
  ])('are taken for none: %s in %s', async (_what, opening, closing) => {
    const { say, exchange, deliveries, texts, events } = await aConsumedQueue();
    await publishByHttp(exchange, `${opening.repeat(12_000)}1${closing.repeat(12_000)}`);
    await publishByHttp(exchange, `${opening.repeat(60)}1${closing.repeat(60)}`);
    await say('after');
    await eventually(() => expect(texts()).toEqual(['deep', 'deep', 'after']));
    expect(deliveries.map(({ properties }) => Object.keys(properties.headers))).toEqual([[], ['nested'], []]);
    expect(deliveries[0]?.properties).toMatchObject({ messageId: 'm-1', contentType: 'application/json', type: 'T' });
    expect(events).not.toContain('connection-lost');
  });

  /** No client of ours can write such a message: the library's encoder fails as its decoder does. */
  async function publishByHttp(exchange: string, nested: string): Promise<void> {
    const url = new URL(
      `/api/exchanges/${encodeURIComponent(setting.vhost.name)}/${exchange}/publish`,
      setting.vhost.apiUrl,
    );
    const authorization = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`;
    [url.username, url.password] = ['', ''];
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: `{"routing_key":"key.one","payload":"deep","payload_encoding":"string","properties":{
        "message_id":"m-1","content_type":"application/json","type":"T","headers":{"nested":${nested}}}}`,
    });
    expect(await answer.json()).toEqual({ routed: true });
  }
});

describe('a queue that is deleted', () => {
  test('is consumed again once it has been declared again', async () => {
    const { broker, say, queue, topology, consumer, texts, lost } = await aConsumedQueue();
    await setting.api.deleteQueue(setting.vhost.name, queue);
    await eventually(() => expect(consumer.state).toBe('recovering'));
    await broker.declare(topology);
    await eventually(() => expect(consumer.state).toBe('consuming'));
    await say('a');
    await eventually(() => expect(texts()).toEqual(['a']));
    expect(lost()).toBe(1);
  });
});

describe('a connection that is closed', () => {
  test('comes back with its consumers and publishers', async () => {
    const { broker, say, consumer, deliveries, texts, events } = await aConsumedQueue();
    await say('a');
    await eventually(() => expect(deliveries).toHaveLength(1));
    await closeConnections();
    await eventually(() => expect(events.filter((event) => event === 'connection-lost')).toHaveLength(2));
    consumer.ackUpTo(deliveries[0]!);

    await say('b');
    await eventually(() => expect(texts().slice(1).sort()).toEqual(['a', 'b']), { withinMs: 20_000 });
    expect(broker.state()).toMatchObject({ consume: 'connected', publish: 'connected' });
  });

  async function closeConnections(): Promise<void> {
    const connections = await eventually(
      async () => {
        const found = await setting.api.listConnections(setting.vhost.name);
        expect(found.map(({ clientName }) => clientName)).toEqual(
          expect.arrayContaining(['messaging-test: consume', 'messaging-test: publish']),
        );
        return found;
      },
      { withinMs: 20_000 },
    );
    await Promise.all(connections.map(({ name }) => setting.api.closeConnection(name, 'a test')));
  }
});

describe('stopping', () => {
  test('takes nothing more, and what was taken can still be settled', async () => {
    const { say, queue, consumer, deliveries, texts, events } = await aConsumedQueue();
    await say('a', 'b');
    await eventually(() => expect(deliveries).toHaveLength(2));
    await consumer.stop();
    expect(consumer.state).toBe('stopped');
    await say('c');
    consumer.ackUpTo(deliveries[1]!);
    await consumer.close();
    expect(texts()).toEqual(['a', 'b']);
    expect(events).not.toContain('ack-dropped');
    expect(await leftIn(queue)).toEqual(['c']);
  });

  test('deliveries under way while stopping are given back, not handed over and not settled', async () => {
    const { broker } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    await broker.declare(topology);
    const publisher = broker.publisher();
    for (const text of ['a', 'b', 'c']) await publisher.publish(aMessage(exchange, text));
    const taken: string[] = [];
    const stopped = new Promise<void>((resolve, reject) => {
      const onDelivery = (delivery: AmqpDelivery, from: Consumer) => {
        taken.push(delivery.body.toString());
        from.stop().then(() => {
          from.ackUpTo(delivery);
          resolve(from.close());
        }, reject);
      };
      void broker.consume({ queue, prefetch: 10, onDelivery });
    });
    await stopped;
    expect(taken).toEqual(['a']);
    expect(await leftIn(queue)).toEqual(['b', 'c']);
  });

  test('deliveries under way while finishing are taken, so that none counts as failed', async () => {
    const { broker } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    await broker.declare(topology);
    const publisher = broker.publisher();
    for (const text of ['a', 'b', 'c', 'd', 'e']) await publisher.publish(aMessage(exchange, text));
    const taken: AmqpDelivery[] = [];
    const finishing: Promise<void>[] = [];
    const consumer = await broker.consume({
      queue,
      prefetch: 3,
      onDelivery: (delivery, from) => {
        taken.push(delivery);
        finishing.push(from.finish());
      },
    });
    await eventually(() => expect(finishing).not.toEqual([]));
    await Promise.all(finishing);
    expect(consumer.state).toBe('stopped');
    expect(taken.map(({ body }) => body.toString())).toEqual(['a', 'b', 'c']);
    consumer.ackUpTo(taken[2]!);
    await consumer.close();
    const next = await collecting(broker, queue);
    await eventually(() => expect(next.texts()).toEqual(['d', 'e']));
    expect(next.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, false]);
  });

  test('a consumer that finished gives back what it cannot settle when it is told to, and takes nothing more', async () => {
    const { queue, consumer, say, deliveries, lost } = await aConsumedQueue();
    await say('a', 'b');
    await eventually(() => expect(deliveries).toHaveLength(2));
    await consumer.finish();
    consumer.reopen();
    expect(lost()).toBe(1);
    expect(await leftIn(queue)).toEqual(['a', 'b']);
    expect(deliveries).toHaveLength(2);
  });

  test('a consumer whose queue is missing closes at once', async () => {
    const { broker } = await setting.open();
    const { consumer } = await collecting(broker, 'test.queue.never');
    await consumer.close();
    expect(consumer.state).toBe('stopped');
  });

  test('closing the broker gives back what is not settled and ends quickly', async () => {
    const { broker, say, queue, deliveries } = await aConsumedQueue();
    await say('a');
    await eventually(() => expect(deliveries).toHaveLength(1));
    const began = performance.now();
    await broker.close();
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(broker.state()).toMatchObject({ consume: 'closed', publish: 'closed' });
    expect(await leftIn(queue)).toEqual(['a']);
  });
});
