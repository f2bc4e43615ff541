import { describe, expect, jest, test } from '@jest/globals';
import { fixedClock, type Logger } from '@quarterhour/runtime';
import { Watchdog, type Watched } from './watchdog.js';

const EVERY_MS = 15_000;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, fatal: () => undefined };
const log: Logger = { ...silent, debug: () => undefined, child: () => log };

/** What a consumer shows, to be set by the test. */
type Double = { -readonly [Shown in Exclude<keyof Watched, 'reopen'>]: Watched[Shown] } & {
  readonly reopen: jest.Mock<() => void>;
};

function aHouse() {
  const clock = fixedClock('2026-01-15T10:00:00Z');
  const depths = new Map<string, number | null>();
  const broker = {
    depthOf: jest.fn((queue: string) => {
      const ready = depths.get(queue);
      if (ready === undefined) return Promise.reject(new Error('no answer'));
      return Promise.resolve(ready === null ? null : { ready, consumers: 1 });
    }),
    reconnect: jest.fn(() => Promise.resolve()),
  };
  const endProcess = jest.fn();
  const watchdog = new Watchdog({ broker, clock, log, endProcess });
  const aQueue = (queue: string, ready: number | null) => {
    const watched: Double = {
      queue,
      state: 'consuming',
      inHand: 0,
      delivered: 0,
      settled: 0,
      reopen: jest.fn<() => void>(),
    };
    depths.set(queue, ready);
    watchdog.watch(watched);
    return watched;
  };
  const look = async (times = 1) => {
    for (let time = 0; time < times; time += 1) {
      await watchdog.look();
      clock.advance(EVERY_MS);
    }
  };
  return { clock, depths, broker, endProcess, watchdog, aQueue, look };
}

describe('a consumer that is deaf for a minute', () => {
  test('gets another channel, at the next look another connection, and then another process', async () => {
    const { aQueue, broker, endProcess, watchdog, look } = aHouse();
    const deaf = aQueue('deaf', 7);
    const idle = aQueue('idle', 0);
    await look(4);
    expect(deaf.reopen).not.toHaveBeenCalled();
    await look();
    expect([deaf.reopen.mock.calls.length, broker.reconnect.mock.calls.length]).toEqual([1, 0]);
    expect(watchdog.reportOf('deaf')).toMatchObject({ ready: 7, isDeaf: true });
    expect([watchdog.isFlowing('deaf'), watchdog.isFlowing('idle')]).toEqual([false, true]);
    await look();
    expect([deaf.reopen.mock.calls.length, broker.reconnect.mock.calls.length]).toEqual([1, 1]);
    expect(endProcess).not.toHaveBeenCalled();
    await look();
    expect(endProcess).toHaveBeenCalledTimes(1);
    expect(idle.reopen).not.toHaveBeenCalled();
  });

  test('is left alone once it hears again, and gets the mildest remedy first the next time', async () => {
    const { aQueue, broker, watchdog, look } = aHouse();
    const deaf = aQueue('deaf', 7);
    await look(5);
    deaf.delivered += 7;
    deaf.settled += 7;
    await look();
    expect(watchdog.isFlowing('deaf')).toBe(true);
    await look(5);
    expect([deaf.reopen.mock.calls.length, broker.reconnect.mock.calls.length]).toEqual([2, 0]);
  });
});

describe('a consumer is not taken for deaf', () => {
  test.each([
    ['nothing waits', { ready: 0 }, true],
    ['it is being subscribed again', { state: 'recovering' as const }, false],
    ['it is stopped', { state: 'stopped' as const }, false],
    ['it has deliveries in hand, which get nowhere', { inHand: 5 }, false],
  ])('while %s', async (_why, different, isFlowing) => {
    const { aQueue, watchdog, look } = aHouse();
    const watched = Object.assign(aQueue('queue', 'ready' in different ? different.ready : 7), different);
    await look(10);
    expect(watched.reopen).not.toHaveBeenCalled();
    expect(watchdog.reportOf('queue')?.isDeaf).toBe(false);
    expect(watchdog.isFlowing('queue')).toBe(isFlowing);
  });

  test('while one delivery comes between any two looks, however many wait', async () => {
    const { aQueue, watchdog, look } = aHouse();
    const watched = aQueue('queue', 5_000);
    for (let round = 0; round < 10; round += 1) {
      watched.delivered += 1;
      watched.settled += 1;
      await look();
    }
    expect(watched.reopen).not.toHaveBeenCalled();
    expect(watchdog.isFlowing('queue')).toBe(true);
  });

  test('while the broker does not answer', async () => {
    const { aQueue, depths, watchdog, look } = aHouse();
    const watched = aQueue('queue', 7);
    await look(2);
    depths.delete('queue');
    await look(10);
    expect(watched.reopen).not.toHaveBeenCalled();
    expect(watchdog.reportOf('queue')).toMatchObject({ ready: null, isMissing: false });
  });
});

test('a queue that is missing does not flow, and does again once it is there', async () => {
  const { aQueue, depths, watchdog, look } = aHouse();
  aQueue('queue', null);
  await look();
  expect([watchdog.reportOf('queue')?.isMissing, watchdog.isFlowing('queue')]).toEqual([true, false]);
  depths.set('queue', 0);
  await look();
  expect(watchdog.isFlowing('queue')).toBe(true);
});
