/**
 * What became of one row that was offered to a table.
 *
 * - `stored`: it is new
 * - `duplicate`: its key is there with the same content; nothing changed
 * - `conflict`: its key is there with other content; nothing changed
 */
export type RowVerdict = 'stored' | 'duplicate' | 'conflict';

/** How one table takes rows that may be there already. */
export interface InsertOnce<Row> {
  /** The row's unique key as text. Its order is the order of the locks. */
  readonly keyOf: (row: Row) => string;
  /** Inserts rows of distinct keys, in order; returns the positions of those whose key was there before. */
  readonly insert: (rows: readonly Row[]) => Promise<readonly number[]>;
  /** Says per row whether the stored row of its key has the same content, by position; every key is stored by now. */
  readonly hasSameContent: (rows: readonly Row[]) => Promise<ReadonlyMap<number, boolean>>;
}

/**
 * Inserts each row whose key is new, and compares the others with what stands under their key.
 *
 * The first row of a key in a batch is the one inserted. One statement when everything is new, two otherwise.
 */
export async function insertOnce<Row>(rows: readonly Row[], table: InsertOnce<Row>): Promise<RowVerdict[]> {
  if (rows.length === 0) return [];
  const { first, repeated } = byFirstOfKey(rows, table.keyOf);
  const lost = await table.insert(first.map(({ row }) => row));
  const verdicts = new Array<RowVerdict>(rows.length).fill('stored');
  const standing = [...lost.map((position) => at(first, position)), ...repeated];
  if (standing.length === 0) return verdicts;

  const same = await table.hasSameContent(standing.map(({ row }) => row));
  for (const [position, { index }] of standing.entries()) {
    verdicts[index] = verdictOf(same.get(position));
  }
  return verdicts;
}

interface Placed<Row> {
  readonly row: Row;
  readonly index: number;
}

function byFirstOfKey<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): { first: Placed<Row>[]; repeated: Placed<Row>[] } {
  const first = new Map<string, Placed<Row>>();
  const repeated: Placed<Row>[] = [];
  for (const [index, row] of rows.entries()) {
    const key = keyOf(row);
    if (first.has(key)) repeated.push({ row, index });
    else first.set(key, { row, index });
  }
  const sorted = [...first].sort(([left], [right]) => (left < right ? -1 : 1));
  return { first: sorted.map(([, placed]) => placed), repeated };
}

function verdictOf(isSame: boolean | undefined): RowVerdict {
  if (isSame === undefined) throw new Error('a row that stood in the way has gone: the batch must be repeated');
  return isSame ? 'duplicate' : 'conflict';
}

function at<T>(values: readonly T[], position: number): T {
  const value = values[position];
  if (value === undefined) throw new RangeError(`no value at ${position} of ${values.length}`);
  return value;
}
