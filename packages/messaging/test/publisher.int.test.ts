import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eventually } from '@quarterhour/testkit';
import {
  BrokerClosedError,
  BrokerUnreachableError,
  ConfirmLostError,
  PublishRefusedError,
  UnroutableError,
} from '../src/index.js';
import { aMessage, aQueue, aSetting, collecting } from './setting.js';

let setting: Awaited<ReturnType<typeof aSetting>>;
beforeAll(async () => {
  setting = await aSetting();
}, 60_000);
afterEach(() => setting.afterTest());
afterAll(() => setting.end());

async function aPlace() {
  const opened = await setting.open();
  const place = aQueue();
  await opened.broker.declare(place.topology);
  return { ...opened, ...place };
}

describe('publishing', () => {
  test('resolves once the broker has the message, and keeps the order of the calls', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher({ window: 7 });
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index}`);
    await Promise.all(texts.map((text) => publisher.publish(aMessage(exchange, text))));
    const consumed = await collecting(broker, queue);
    await eventually(() => expect(consumed.texts()).toEqual(texts));
    expect(new Set(consumed.deliveries.map(({ properties }) => properties.messageId)).size).toBe(100);
  });

  test('is one write for all that is sent in one turn, and as many as it takes for more', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher();
    await publisher.publish(aMessage(exchange, 'the channel is open'));
    const each = jest.spyOn(Socket.prototype, '_write');
    const together = jest.spyOn(Socket.prototype, '_writev');
    try {
      await Promise.all(Array.from({ length: 20 }, () => publisher.publish(aMessage(exchange, 'small'))));
      expect([each.mock.calls.length, together.mock.calls.length]).toEqual([0, 1]);
      const large = 'large '.repeat(5_000);
      await Promise.all(Array.from({ length: 20 }, () => publisher.publish(aMessage(exchange, large))));
      const consumed = await collecting(broker, queue);
      await eventually(() => expect(consumed.texts().slice(21)).toEqual(Array.from({ length: 20 }, () => large)));
    } finally {
      each.mockRestore();
      together.mockRestore();
    }
  });

  test('has no more than its window in flight, and says when there is room', async () => {
    const { broker, exchange } = await aPlace();
    const publisher = broker.publisher({ window: 3 });
    await publisher.room();
    const published = ['a', 'b', 'c', 'd', 'e'].map((text) => publisher.publish(aMessage(exchange, text)));
    expect(broker.state().publishers).toEqual([{ inFlight: 3, waiting: 2 }]);
    let hasRoom = false;
    const room = publisher.room().then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    await room;
    await Promise.all(published);
    expect(broker.state().publishers).toEqual([{ inFlight: 0, waiting: 0 }]);
  });

  test('rejects a message that reaches no queue, and only that one', async () => {
    const { broker, exchange, events } = await aPlace();
    const publisher = broker.publisher();
    const keys = ['key.a', 'elsewhere', 'key.b', 'elsewhere', 'key.c'];
    const results = await Promise.allSettled(
      keys.map((routingKey) => publisher.publish(aMessage(exchange, 'x', { routingKey }))),
    );
    expect(results.map(({ status }) => status)).toEqual(
      keys.map((key) => (key === 'elsewhere' ? 'rejected' : 'fulfilled')),
    );
    expect(results[1]).toMatchObject({ reason: expect.any(UnroutableError) });
    expect(events.filter((event) => event === 'unroutable')).toHaveLength(2);
  });

  test('takes the same message id again when it is settled, and tells the copies apart', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher();
    const copies = [
      publisher.publish(aMessage(exchange, 'one', { messageId: 'same' })),
      publisher.publish(aMessage(exchange, 'two', { messageId: 'same', routingKey: 'elsewhere' })),
      publisher.publish(aMessage(exchange, 'three', { messageId: 'same' })),
    ];
    const results = await Promise.allSettled(copies);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const consumed = await collecting(broker, queue);
    await eventually(() => expect(consumed.texts()).toEqual(['one', 'three']));
  });

  test('rejects what a full queue refuses', async () => {
    const { broker, exchange, queue, events } = await aPlace();
    await setting.api.putPolicy(setting.vhost.name, {
      name: 'full',
      pattern: `^${queue.replaceAll('.', '\\.')}$`,
      applyTo: 'queues',
      priority: 9,
      definition: { 'max-length': 1, overflow: 'reject-publish' },
    });
    const publisher = broker.publisher();
    await eventually(() =>
      expect(publisher.publish(aMessage(exchange, 'x'))).rejects.toBeInstanceOf(PublishRefusedError),
    );
    expect(events).toContain('publish-refused');
  });

  test('rejects what AMQP cannot express, and goes on', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher();
    const tooLong = publisher.publish(aMessage(exchange, 'x', { routingKey: 'k'.repeat(256) }));
    const fine = publisher.publish(aMessage(exchange, 'y'));
    await expect(tooLong).rejects.toThrow();
    await fine;
    const consumed = await collecting(broker, queue);
    await eventually(() => expect(consumed.texts()).toEqual(['y']));
  });
});

describe('a publishing channel that is lost', () => {
  test('leaves what was in flight in doubt, with the reason, and the next message goes out on another', async () => {
    const { broker, exchange, events } = await aPlace();
    const publisher = broker.publisher();
    await publisher.publish(aMessage(exchange, 'before'));
    const lost = publisher.publish(aMessage('no.such.exchange', 'x'));
    await expect(lost).rejects.toMatchObject({ name: 'ConfirmLostError', cause: { code: 404 } });
    await publisher.publish(aMessage(exchange, 'after'));
    expect(events).toEqual(expect.arrayContaining(['confirm-lost', 'channel-lost']));
  });

  test('is given up and replaced when a confirm is overdue', async () => {
    const { broker, exchange, events } = await aPlace();
    const publisher = broker.publisher({ confirmTimeoutMs: 0 });
    await expect(publisher.publish(aMessage(exchange, 'x'))).rejects.toBeInstanceOf(ConfirmLostError);
    await publisher.room();
    expect(events).toEqual(expect.arrayContaining(['confirm-lost', 'channel-lost']));
  });
});

describe('a message that may not wait', () => {
  test('is given up when it cannot be sent in time, and never sent; others are', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher({ window: 1, sendWithinMs: 60 });
    // Its channel may take longer than that to be opened.
    await eventually(() => publisher.publish(aMessage(exchange, 'before')));
    const patient = broker.publisher();
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) => publisher.publish(aMessage(exchange, `${n}`))),
    );
    await patient.publish(aMessage(exchange, 'after'));
    const sent = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [`${n}`] : []));
    const givenUp = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
    expect(givenUp.length).toBeGreaterThan(0);
    for (const error of givenUp) expect(error).toBeInstanceOf(BrokerUnreachableError);
    const consumed = await collecting(broker, queue, 1_000);
    await eventually(() => expect(consumed.texts()).toEqual(['before', ...sent, 'after']));
    expect(broker.state().publishers[0]).toEqual({ inFlight: 0, waiting: 0 });
  });
});

describe('closing a publisher', () => {
  test('waits for the confirms of what was taken', async () => {
    const { broker, exchange, queue } = await aPlace();
    const publisher = broker.publisher({ window: 5 });
    const published = Promise.all(Array.from({ length: 30 }, (_, n) => publisher.publish(aMessage(exchange, `${n}`))));
    await publisher.close();
    await published;
    const consumed = await collecting(broker, queue);
    await eventually(() => expect(consumed.deliveries).toHaveLength(30));
  });

  test('takes nothing more', async () => {
    const { broker, exchange } = await aPlace();
    const publisher = broker.publisher();
    await publisher.close();
    await expect(publisher.publish(aMessage(exchange, 'x'))).rejects.toBeInstanceOf(BrokerClosedError);
    await expect(publisher.room()).resolves.toBeUndefined();
    expect(broker.state().publishers).toEqual([]);
  });
});
