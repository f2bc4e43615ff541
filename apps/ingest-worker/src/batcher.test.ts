import { describe, expect, test } from '@jest/globals';
import { Batcher } from './batcher.js';

const limits = { batchMessages: 3, batchBytes: 100 };

describe('a batcher', () => {
  test('takes what arrives in one turn as one batch', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number>(limits, (batch) => Promise.resolve(void batches.push([...batch])));
    batcher.add(1, 1);
    batcher.add(2, 1);
    await batcher.drained();
    expect(batches).toEqual([[1, 2]]);
  });

  test('collects while a flush is in hand, and never flushes two at once', async () => {
    const batches: number[][] = [];
    let inHand = 0;
    const batcher = new Batcher<number>({ batchMessages: 100, batchBytes: 100 }, async (batch) => {
      inHand += 1;
      expect(inHand).toBe(1);
      if (batches.length === 0) for (const late of [2, 3, 4]) batcher.add(late, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      batches.push([...batch]);
      inHand -= 1;
    });
    batcher.add(1, 1);
    await batcher.drained();
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  test('keeps order and both limits, and lets one item above the byte limit pass alone', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number>(limits, (batch) => Promise.resolve(void batches.push([...batch])));
    [10, 10, 10, 10, 60, 60, 500, 1].forEach((bytes, item) => batcher.add(item, bytes));
    await batcher.drained();
    expect(batches).toEqual([[0, 1, 2], [3, 4], [5], [6], [7]]);
  });

  test('makes a batch of its own of an item that is to be alone, in its place', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number>(limits, (batch) => Promise.resolve(void batches.push([...batch])));
    for (const item of [1, 2, 3, 4, 5]) batcher.add(item, 1, { isAlone: item === 2 || item === 3 });
    await batcher.drained();
    expect(batches).toEqual([[1], [2], [3], [4, 5]]);
  });

  test('forgets what waits, not what is in hand, and goes on with what comes then', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number>({ batchMessages: 1, batchBytes: 100 }, (batch) => {
      if (batches.push([...batch]) === 1) {
        batcher.forget();
        batcher.add(9, 1);
      }
      return Promise.resolve();
    });
    for (const item of [1, 2, 3]) batcher.add(item, 1);
    await batcher.drained();
    expect(batches).toEqual([[1], [9]]);
  });

  test('is drained only when what was added during the last flush is flushed too', async () => {
    const seen: number[] = [];
    const batcher = new Batcher<number>(limits, async (batch) => {
      if (batch.includes(1)) batcher.add(2, 1);
      await Promise.resolve();
      seen.push(...batch);
    });
    batcher.add(1, 1);
    await batcher.drained();
    expect(seen).toEqual([1, 2]);
    expect(batcher.waiting).toBe(0);
  });
});
