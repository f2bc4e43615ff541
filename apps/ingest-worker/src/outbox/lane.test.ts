import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Lane, type Results, type TakenMessage } from './lane.js';

const message = (id: string, orderKey = 'site'): TakenMessage => ({
  orgId: 'org',
  id,
  vhost: 'partner',
  exchange: 'vcp',
  routingKey: 'key',
  orderKey,
  messageId: randomUUID(),
  body: Buffer.from('{}'),
  attempts: 0,
  deadline: 5_000,
});
const failure = (id: string, orderKey = 'site') => {
  return { id, orderKey, trouble: 'refused: the queue is full', retryMs: 1_000, awayKeyId: null };
};

/** @returns a lane, what it had written down, and what ends the writes that are under way */
function aLane() {
  const results: Results[] = [];
  const writes: (() => void)[] = [];
  const lane = new Lane('org', (one) => {
    results.push(one);
    return new Promise((resolve) => writes.push(resolve));
  });
  const isWritten = () => {
    for (const end of writes.splice(0)) end();
  };
  return { lane, results, isWritten };
}

const untilWritten = (results: readonly Results[]) =>
  new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (results.length === 0) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });

describe('what is taken of an order', () => {
  test('is begun with once, and goes behind what there is, in the order of the ids', () => {
    const { lane } = aLane();
    expect(lane.take('site', [message('9')])).toBe(true);
    expect(lane.next('site')?.id).toBe('9');
    expect(lane.take('site', [message('11'), message('100')])).toBe(false);
    expect(lane.take('site', [message('10')])).toBe(false);
    expect(lane.take('other', [message('12', 'other')])).toBe(true);
    expect([lane.next('site')?.id, lane.next('site')?.id, lane.next('site')?.id]).toEqual(['10', '11', '100']);
    expect(lane.next('site')).toBeUndefined();
    expect(lane.take('site', [message('101')])).toBe(true);
  });

  test('is in hand until it is written down', async () => {
    const { lane, results, isWritten } = aLane();
    lane.take('site', [message('1'), message('2')]);
    lane.published(message('1'));
    await untilWritten(results);
    expect(results).toEqual([{ published: ['1'], failed: [] }]);
    expect([...lane.inHand]).toEqual(['1', '2']);
    isWritten();
    await Promise.resolve();
    expect([...lane.inHand]).toEqual(['2']);
  });

  test('is given back when the one before it failed, and nothing is taken before that is written down and seen', async () => {
    const { lane, results, isWritten } = aLane();
    lane.take('site', [message('1'), message('2'), message('3')]);
    lane.next('site');
    lane.failed(failure('1'));
    expect(lane.next('site')).toBeUndefined();
    expect([...lane.inHand]).toEqual([]);
    expect(lane.take('site', [message('2')])).toBe(false);
    expect([...lane.inHand]).toEqual([]);
    expect(lane.looksAgain).toBe(true);
    await untilWritten(results);
    expect(results).toEqual([{ published: [], failed: [failure('1')] }]);
    lane.looks();
    expect(lane.take('site', [message('2')])).toBe(false);
    isWritten();
    await lane.over();
    expect(lane.take('site', [message('2')])).toBe(false);
    lane.looks();
    expect(lane.take('site', [message('2')])).toBe(true);
  });

  test('is given back when it is too late to send it', () => {
    const { lane } = aLane();
    lane.take('site', [message('1'), message('2')]);
    const first = lane.next('site') ?? message('none');
    lane.leave(first);
    expect(lane.next('site')).toBeUndefined();
    expect([...lane.inHand]).toEqual([]);
  });
});

test('a lane is over when nothing is being published and everything is written down', async () => {
  const { lane, results, isWritten } = aLane();
  lane.take('site', [message('1')]);
  let isOver = false;
  const over = lane.over().then(() => (isOver = true));
  lane.published(lane.next('site') ?? message('none'));
  await untilWritten(results);
  isWritten();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isOver).toBe(false);
  lane.next('site');
  await over;
});

test('a lane is full with five hundred in hand', () => {
  const { lane } = aLane();
  lane.take(
    'site',
    Array.from({ length: 499 }, (_, n) => message(String(n))),
  );
  expect(lane.isFull).toBe(false);
  lane.take('other', [message('499', 'other')]);
  expect(lane.isFull).toBe(true);
});
