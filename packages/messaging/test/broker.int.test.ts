import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { connect } from 'amqplib';
import {
  BrokerClosedError,
  BrokerUnreachableError,
  InvalidBrokerUrlError,
  TopologyMismatchError,
} from '../src/index.js';
import { aMessage, aQueue, aSetting, collecting } from './setting.js';
import { eventually } from '@quarterhour/testkit';

let setting: Awaited<ReturnType<typeof aSetting>>;
beforeAll(async () => {
  setting = await aSetting();
}, 60_000);
afterEach(() => setting.afterTest());
afterAll(() => setting.end());

function urlWith(change: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'port'>>): string {
  return Object.assign(new URL(setting.vhost.amqpUrl), change).href;
}

async function aFreePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? String(address.port) : '';
}

describe('connecting', () => {
  test.each([
    ['a wrong password', { password: 'not-the-password' }],
    ['a user that does not exist', { username: 'nobody', password: 'not-the-password' }],
    ['a virtual host that does not exist', { pathname: '/no-such-vhost' }],
  ])('with %s fails soon, naming the place and not the password', async (_case, change) => {
    const began = performance.now();
    const opening = setting.open({ url: urlWith(change) });
    await expect(opening).rejects.toMatchObject({
      name: 'BrokerRefusedError',
      message: expect.stringMatching(/127\.0\.0\.1:\d+, user .+, vhost /),
    });
    expect(inspect(await opening.catch((error: unknown) => error))).not.toContain('not-the-password');
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test('to nobody is tried again, with a line for each attempt, until the time is up', async () => {
    const lines: string[] = [];
    const log = {
      info: () => undefined,
      warn: (_: unknown, message: string) => void lines.push(message),
      error: () => undefined,
    };
    const opening = setting.open({ url: urlWith({ port: await aFreePort() }), log, connectWithinMs: 800 });
    await expect(opening).rejects.toBeInstanceOf(BrokerUnreachableError);
    await expect(opening).rejects.toMatchObject({ cause: { message: expect.stringContaining('ECONNREFUSED') } });
    expect(lines.filter((line) => line === 'connecting to the broker again').length).toBeGreaterThan(1);
  });

  test('can be given up by a signal', async () => {
    const stopping = new AbortController();
    const opening = setting.open({ url: urlWith({ port: await aFreePort() }), signal: stopping.signal });
    setTimeout(() => stopping.abort(), 100);
    await expect(opening).rejects.toBeInstanceOf(BrokerClosedError);
  });

  test.each(['http://localhost', 'amqp:', 'localhost:5672', 'amqp://u:hunter2%zz@host'])(
    'to %s is refused without quoting it',
    async (url) => {
      const opening = setting.open({ url });
      await expect(opening).rejects.toBeInstanceOf(InvalidBrokerUrlError);
      expect(inspect(await opening.catch((error: unknown) => error))).not.toContain('hunter2');
    },
  );
});

describe('declaring', () => {
  test('makes quorum queues, durable exchanges and bindings, and may be repeated', async () => {
    const { broker } = await setting.open();
    const { queue, exchange, topology } = aQueue();
    await broker.declare(topology);
    await broker.declare(topology);
    const found = await setting.api.exportDefinitions(setting.vhost.name);
    expect(found.queues).toContainEqual({ name: queue, arguments: { 'x-queue-type': 'quorum' } });
    expect(found.exchanges).toContainEqual({ name: exchange, type: 'topic' });
    expect(found.bindings).toContainEqual({ exchange, queue, routingKey: 'key.#' });
  });

  test('names what exists otherwise, declares the rest, and disturbs no consumer', async () => {
    const { broker } = await setting.open();
    const [other, ours] = [aQueue(), aQueue()];
    await declareClassic(other.queue);
    await broker.declare(ours.topology);
    const { consumer, texts } = await collecting(broker, ours.queue);

    const declaring = broker.declare({
      exchanges: [{ name: other.exchange, type: 'topic' }],
      queues: [{ name: other.queue }, { name: `${other.queue}.more` }],
      bindings: [{ exchange: other.exchange, queue: `${other.queue}.more`, routingKey: '#' }],
    });
    await expect(declaring).rejects.toBeInstanceOf(TopologyMismatchError);
    await expect(declaring).rejects.toMatchObject({ objects: [`queue "${other.queue}"`], cause: { code: 406 } });
    const publisher = broker.publisher();
    await publisher.publish(aMessage(other.exchange, 'bound all the same'));
    await publisher.publish(aMessage(ours.exchange, 'still consumed'));
    await eventually(() => expect(texts()).toEqual(['still consumed']));
    expect(consumer.state).toBe('consuming');
  });

  async function declareClassic(queue: string): Promise<void> {
    const connection = await connect(setting.vhost.amqpUrl);
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } });
    await connection.close();
  }
});
