import { describe, expect, test } from '@jest/globals';
import { Batcher, type Batch, type BatchLimits } from './batcher.js';

const limits = { batchMessages: 3, batchBytes: 100 };

/** Prepares the numbers of a batch as their text. */
function batcherOf(
  batchLimits: BatchLimits,
  flush: (batch: Batch<number, string>) => Promise<void>,
  prepare = (items: readonly number[]): string | null => items.join(' '),
  restMs = 0,
): Batcher<number, string> {
  return new Batcher(batchLimits, { prepare, flush, restMs: () => restMs });
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('a batcher', () => {
  test('takes what arrives in one turn as one batch', async () => {
    const batches: number[][] = [];
    const batcher = batcherOf(limits, ({ items }) => Promise.resolve(void batches.push([...items])));
    batcher.add(1, 1);
    batcher.add(2, 1);
    await batcher.drained();
    expect(batches).toEqual([[1, 2]]);
  });

  test('collects while a flush is in hand, and never flushes two at once', async () => {
    const batches: number[][] = [];
    let inHand = 0;
    const batcher = batcherOf({ batchMessages: 100, batchBytes: 100 }, async ({ items }) => {
      inHand += 1;
      expect(inHand).toBe(1);
      if (batches.length === 0) for (const late of [2, 3, 4]) batcher.add(late, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      batches.push([...items]);
      inHand -= 1;
    });
    batcher.add(1, 1);
    await batcher.drained();
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  test('keeps order and both limits, and lets one item above the byte limit pass alone', async () => {
    const batches: number[][] = [];
    const batcher = batcherOf(limits, ({ items }) => Promise.resolve(void batches.push([...items])));
    [10, 10, 10, 10, 60, 60, 500, 1].forEach((bytes, item) => batcher.add(item, bytes));
    await batcher.drained();
    expect(batches).toEqual([[0, 1, 2], [3, 4], [5], [6], [7]]);
  });

  test('keeps items apart in batches of their own, in their place', async () => {
    const batches: number[][] = [];
    const batcher = batcherOf(limits, ({ items }) => Promise.resolve(void batches.push([...items])));
    const [one, other] = [{}, {}];
    const apart = new Map([
      [2, one],
      [3, one],
      [4, other],
    ]);
    for (const item of [1, 2, 3, 4, 5, 6]) batcher.add(item, 1, apart.get(item));
    await batcher.drained();
    expect(batches).toEqual([[1], [2, 3], [4], [5, 6]]);
  });

  test('forgets what waits, not what is in hand, and goes on with what comes then', async () => {
    const batches: number[][] = [];
    const batcher = batcherOf({ batchMessages: 1, batchBytes: 100 }, ({ items }) => {
      if (batches.push([...items]) === 1) {
        batcher.forget();
        batcher.add(9, 1);
      }
      return Promise.resolve();
    });
    for (const item of [1, 2, 3]) batcher.add(item, 1);
    await batcher.drained();
    expect(batches).toEqual([[1], [9]]);
  });

  test('rests after a flush, and takes what comes meanwhile as one batch', async () => {
    const batches: number[][] = [];
    const flush = ({ items }: Batch<number, string>) => Promise.resolve(void batches.push([...items]));
    const batcher = batcherOf(limits, flush, () => null, 30);
    batcher.add(1, 1);
    await turns(3);
    batcher.add(2, 1);
    await turns(3);
    batcher.add(3, 1);
    await turns(3);
    expect(batches).toEqual([[1]]);
    await batcher.drained();
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test('does not rest before a batch that is full', async () => {
    const batches: number[][] = [];
    const flush = ({ items }: Batch<number, string>) => Promise.resolve(void batches.push([...items]));
    const batcher = batcherOf(limits, flush, () => null, 300);
    for (const item of [1, 2, 3, 4, 5, 6]) batcher.add(item, 1);
    await turns(5);
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await batcher.drained();
  });

  test('is drained only when what was added during the last flush is flushed too', async () => {
    const seen: number[] = [];
    const batcher = batcherOf(limits, async ({ items }) => {
      if (items.includes(1)) batcher.add(2, 1);
      await Promise.resolve();
      seen.push(...items);
    });
    batcher.add(1, 1);
    await batcher.drained();
    expect(seen).toEqual([1, 2]);
    expect(batcher.waiting).toBe(0);
  });
});

describe('a batcher that flushes', () => {
  /** Adds to a batcher whose first batch is in hand until it is let go; then all the rest is flushed at once. */
  async function whileInHand(adding: (batcher: Batcher<number, string>) => Promise<void> | void) {
    const flushed: Batch<number, string>[] = [];
    const prepared: string[] = [];
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const batcher = batcherOf(
      limits,
      async ({ items, prepared: before }) => {
        flushed.push({ items: [...items], prepared: before });
        if (flushed.length === 1) await gate;
      },
      (items) => {
        prepared.push(items.join(' '));
        return items.join(' ');
      },
    );
    batcher.add(0, 1);
    await turns(2);
    await adding(batcher);
    await turns(2);
    const meanwhile = [...prepared];
    letGo();
    await batcher.drained();
    return { meanwhile, flushed: flushed.slice(1) };
  }

  const addAll = (batcher: Batcher<number, string>, items: readonly number[], bytes = 1): void => {
    for (const item of items) batcher.add(item, bytes);
  };

  test('has the next batch prepared once it is full, and hands it over with what was made of it', async () => {
    const { meanwhile, flushed } = await whileInHand((batcher) => addAll(batcher, [1, 2, 3]));
    expect(meanwhile).toEqual(['1 2 3']);
    expect(flushed).toEqual([{ items: [1, 2, 3], prepared: '1 2 3' }]);
  });

  test('does not have a batch prepared that can still grow', async () => {
    const { meanwhile, flushed } = await whileInHand((batcher) => addAll(batcher, [1, 2]));
    expect(meanwhile).toEqual([]);
    expect(flushed).toEqual([{ items: [1, 2], prepared: null }]);
  });

  test('adds nothing to a batch that is prepared', async () => {
    const { flushed } = await whileInHand(async (batcher) => {
      addAll(batcher, [1, 2, 3]);
      await turns(2);
      addAll(batcher, [4]);
    });
    expect(flushed).toEqual([
      { items: [1, 2, 3], prepared: '1 2 3' },
      { items: [4], prepared: null },
    ]);
  });

  test.each([
    ['by its bytes', (batcher: Batcher<number, string>) => addAll(batcher, [1, 2], 60)],
    [
      'because the next item is kept apart',
      (batcher: Batcher<number, string>) => {
        batcher.add(1, 1);
        batcher.add(2, 1, {});
      },
    ],
  ])('has a batch prepared that is full %s', async (_case, adding) => {
    expect((await whileInHand(adding)).meanwhile).toEqual(['1']);
  });

  test('has one batch prepared ahead, and the one after it when its turn has come', async () => {
    const { meanwhile, flushed } = await whileInHand((batcher) => addAll(batcher, [1, 2, 3, 4, 5, 6, 7]));
    expect(meanwhile).toEqual(['1 2 3']);
    expect(flushed.map(({ items }) => items)).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  test('prepares nothing that it forgot', async () => {
    const { meanwhile, flushed } = await whileInHand((batcher) => {
      addAll(batcher, [1, 2, 3]);
      batcher.forget();
      addAll(batcher, [4]);
    });
    expect(meanwhile).toEqual([]);
    expect(flushed).toEqual([{ items: [4], prepared: null }]);
  });
});
