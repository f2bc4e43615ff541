import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { insertOnce, type RowVerdict } from './insert-once.js';

interface Row {
  readonly key: string;
  readonly content: number;
}

/** A table as the rule describes it: the first content of a key stands. */
class Table {
  readonly rows = new Map<string, number>();
  readonly locked: string[][] = [];
  comparisons = 0;

  offer(rows: readonly Row[]): Promise<RowVerdict[]> {
    return insertOnce(rows, {
      keyOf: ({ key }) => key,
      insert: (fresh) => {
        this.locked.push(fresh.map(({ key }) => key));
        const lost = fresh.flatMap(({ key }, position) => (this.rows.has(key) ? [position] : []));
        for (const { key, content } of fresh) if (!this.rows.has(key)) this.rows.set(key, content);
        return Promise.resolve(lost);
      },
      hasSameContent: (standing) => {
        this.comparisons += 1;
        return Promise.resolve(new Map(standing.map(({ key, content }, n) => [n, this.rows.get(key) === content])));
      },
    });
  }
}

function oneByOne(table: Map<string, number>, rows: readonly Row[]): RowVerdict[] {
  return rows.map(({ key, content }) => {
    const standing = table.get(key);
    if (standing === undefined) {
      table.set(key, content);
      return 'stored';
    }
    return standing === content ? 'duplicate' : 'conflict';
  });
}

const row = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), content: fc.integer({ min: 0, max: 2 }) });
const batches = fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 5 });

describe('inserting each key once', () => {
  test('gives the verdicts that one row at a time would get', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (offered) => {
        const table = new Table();
        const expected = new Map<string, number>();
        for (const batch of offered) expect(await table.offer(batch)).toEqual(oneByOne(expected, batch));
        expect(table.rows).toEqual(expected);
      }),
    );
  });

  test('offers each key of a batch once, in the order of the keys', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1 }), async (batch) => {
        const table = new Table();
        await table.offer(batch);
        expect(table.locked).toEqual([[...new Set(batch.map(({ key }) => key))].sort()]);
      }),
    );
  });

  test('compares nothing when everything is new', async () => {
    const table = new Table();
    await table.offer([
      { key: 'a', content: 1 },
      { key: 'b', content: 1 },
    ]);
    expect(table.comparisons).toBe(0);
  });

  test('gives up when the row that stood in the way has gone', async () => {
    const vanished = insertOnce([{ key: 'a', content: 1 }], {
      keyOf: ({ key }) => key,
      insert: () => Promise.resolve([0]),
      hasSameContent: () => Promise.resolve(new Map()),
    });
    await expect(vanished).rejects.toThrow('the batch must be repeated');
  });
});
