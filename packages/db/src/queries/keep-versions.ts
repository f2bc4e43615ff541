import { compareInstants, epochMicros, instantFromEpochMicros, type UtcInstant } from '@quarterhour/domain';

/**
 * What became of one row of a fact that may be corrected.
 *
 * - `stored`: its key is new
 * - `revised`: its key was there with other content; both versions are kept
 * - `duplicate`: its message, or its content, is there already; nothing changed
 */
export type VersionVerdict = 'stored' | 'revised' | 'duplicate';

/** What orders the versions of one key. */
export interface Version {
  readonly messageId: string;
  readonly publishedAt: UtcInstant;
  /** When it first came, if it was parked before it was stored; null: when it was stored. */
  readonly arrivedAt: UtcInstant | null;
}

/** A version that is stored, with the stamp of the transaction that did so, see `announceStamp`. */
export type Stamped<Row> = Row & { readonly receivedAt: UtcInstant };

/** A version that is not current: it was until `displacedAt`, or never. */
export type Displaced<Row> = Stamped<Row> & { readonly displacedAt: UtcInstant };

/** How rows of one table are made ready to be kept. Pure. */
export interface VersionedRows<Row, Insertion> {
  /** The row's unique key as text. Its order is the order of the locks. */
  readonly keyOf: (row: Row) => string;
  /** Rows of distinct keys, in order, as the table's `insert` takes them. */
  readonly toInsert: (rows: readonly Row[]) => Insertion;
}

/** How one table and its history take rows that may be there already. */
export interface VersionedTable<Row extends Version, Insertion> {
  readonly hasSameContent: (left: Row, right: Row) => boolean;
  /** Inserts rows with one stamp; returns the positions of those whose key was there before. */
  readonly insert: (insertion: Insertion, receivedAt: UtcInstant | null) => Promise<readonly number[]>;
  /** The stamp that was announced. */
  readonly announced: () => Promise<UtcInstant>;
  /**
   * Locks, in order, the current rows of these keys, and answers them by position. A row whose current one has the same
   * message or content, and for which it is all that is asked, may be left out and unlocked: it is a duplicate.
   */
  readonly lock: (
    rows: readonly { readonly row: Row; readonly isOnly: boolean }[],
  ) => Promise<ReadonlyMap<number, Stamped<Row>>>;
  /** Message ids of the displaced versions of these keys, by position. A statement of its own, after the lock. */
  readonly displacedMessages: (rows: readonly Row[]) => Promise<ReadonlyMap<number, ReadonlySet<string>>>;
  /** Makes these the current rows of their keys, which are locked. */
  readonly replace: (rows: readonly Stamped<Row>[]) => Promise<void>;
  readonly archive: (rows: readonly Displaced<Row>[]) => Promise<void>;
}

/** Rows with all that their table needs of them before there is a transaction. */
export interface PreparedVersions<Row, Insertion> {
  readonly rows: readonly Row[];
  readonly series: readonly Series[];
  readonly insertion: Insertion;
}

/** The positions of the rows of one key, in the order of their arrival. */
export type Series = readonly [first: number, ...others: number[]];

/**
 * Makes rows ready to be kept by {@link keepVersions}, in this transaction or that.
 *
 * @param rows in the order of their arrival; keys may repeat
 */
export function prepareVersions<Row, Insertion>(
  rows: readonly Row[],
  { keyOf, toInsert }: VersionedRows<Row, Insertion>,
): PreparedVersions<Row, Insertion> {
  const series = seriesByKey(rows.map(keyOf));
  return { rows, series, insertion: toInsert(series.map(([first]) => at(rows, first))) };
}

/**
 * Stores rows of facts that may be corrected: a new key is inserted, another content of a known key becomes its current
 * version or goes to the history at once, and a copy changes nothing.
 *
 * Of several versions the one published later is current; among those published at the same time, the one that came
 * later. Three statements where something is corrected, never one: a statement that waited for another transaction would
 * go on with the row it saw before, and lose the version in between.
 *
 * @param stamp of the transaction; null: the one that was announced, which is read only where something is corrected
 * @returns a verdict per row, in the order of `rows`
 */
export async function keepVersions<Row extends Version, Insertion>(
  { rows, series, insertion }: PreparedVersions<Row, Insertion>,
  stamp: UtcInstant | null,
  table: VersionedTable<Row, Insertion>,
): Promise<VersionVerdict[]> {
  const verdicts = new Array<VersionVerdict>(rows.length).fill('stored');
  const lost = new Set(await table.insert(insertion, stamp));
  if (lost.size === 0 && series.length === rows.length) return verdicts;

  const receivedAt = stamp ?? (await table.announced());
  const known = series.filter((_one, position) => lost.has(position));
  const fresh = series.filter((_one, position) => !lost.has(position));
  const offered = [
    ...(await againstStanding(rows, known, table)),
    ...fresh.map((one) => againstItsFirst(rows, one, receivedAt)),
  ].filter(({ offers }) => offers.length > 0);
  for (const index of known.flat()) verdicts[index] = 'duplicate';

  const settled = offered.map((one) => settleVersions(one, receivedAt, table.hasSameContent));
  for (const { placed } of settled) for (const { index, verdict } of placed) verdicts[index] = verdict;
  const displaced = settled.flatMap((one) => one.displaced);
  if (displaced.length === 0) return verdicts;
  await table.replace(settled.flatMap(({ current, standing }) => (current === standing ? [] : [current])));
  await table.archive(displaced);
  return verdicts;
}

/** In the order of the keys. */
function seriesByKey(keys: readonly string[]): Series[] {
  const byKey = new Map<string, [number, ...number[]]>();
  for (const [index, key] of keys.entries()) {
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [index]);
    else known.push(index);
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, series]) => series);
}

function at<Row>(rows: readonly Row[], index: number): Row {
  const row = rows[index];
  if (row === undefined) throw new RangeError(`there is no row ${index}`);
  return row;
}

interface Placed<Row> {
  readonly row: Row;
  readonly index: number;
}

function placed<Row>(rows: readonly Row[], indexes: readonly number[]): Placed<Row>[] {
  return indexes.map((index) => ({ row: at(rows, index), index }));
}

/** What is offered to one key, beside what stands there. */
export interface Offer<Row> {
  readonly standing: Stamped<Row>;
  readonly displacedMessages: ReadonlySet<string>;
  readonly offers: readonly Placed<Row>[];
}

function againstItsFirst<Row>(rows: readonly Row[], [first, ...others]: Series, receivedAt: UtcInstant): Offer<Row> {
  const standing = { ...at(rows, first), receivedAt };
  return { standing, displacedMessages: new Set(), offers: placed(rows, others) };
}

async function againstStanding<Row extends Version>(
  rows: readonly Row[],
  known: readonly Series[],
  table: VersionedTable<Row, never>,
): Promise<Offer<Row>[]> {
  if (known.length === 0) return [];
  const locked = await table.lock(
    known.map(([first, ...others]) => ({ row: at(rows, first), isOnly: others.length === 0 })),
  );
  const contested = known.flatMap((series, position) => {
    const standing = locked.get(position);
    return standing === undefined ? [] : [{ standing, offers: placed(rows, series) }];
  });
  if (contested.length === 0) return [];
  const displaced = await table.displacedMessages(contested.map(({ standing }) => standing));
  return contested.map((one, position) => ({ ...one, displacedMessages: displaced.get(position) ?? new Set() }));
}

/** What becomes of the offers to one key. */
export interface Settlement<Row> {
  readonly standing: Stamped<Row>;
  readonly current: Stamped<Row>;
  readonly displaced: readonly Displaced<Row>[];
  readonly placed: readonly { readonly index: number; readonly verdict: VersionVerdict }[];
}

/**
 * Decides what is current after these offers, in their order, and what is displaced. Pure.
 *
 * Versions of one transaction bear one stamp, later than that of the version that stood: so the times during which the
 * versions of a key were current never overlap.
 */
export function settleVersions<Row extends Version>(
  { standing, displacedMessages, offers }: Offer<Row>,
  receivedAt: UtcInstant,
  hasSameContent: (left: Row, right: Row) => boolean,
): Settlement<Row> {
  const messages = new Set([...displacedMessages, standing.messageId]);
  const displaced: Displaced<Row>[] = [];
  const placed: { index: number; verdict: VersionVerdict }[] = [];
  const stamp = stampAfter(standing, receivedAt);
  let current = standing;
  for (const { row, index } of offers) {
    const isCopy = messages.has(row.messageId) || hasSameContent(row, current);
    placed.push({ index, verdict: isCopy ? 'duplicate' : 'revised' });
    if (isCopy) continue;
    messages.add(row.messageId);
    const version = { ...row, receivedAt: stamp };
    const older = isLater(version, current) ? current : version;
    displaced.push({ ...older, displacedAt: stamp });
    if (older === current) current = version;
  }
  return { standing, current, displaced, placed };
}

function stampAfter(standing: Stamped<Version>, receivedAt: UtcInstant): UtcInstant {
  if (compareInstants(receivedAt, standing.receivedAt) > 0) return receivedAt;
  return instantFromEpochMicros(epochMicros(standing.receivedAt) + 1);
}

/** What was not parked comes now, and so after everything that stands. */
function isLater(version: Version, current: Stamped<Version>): boolean {
  const byPublication = compareInstants(version.publishedAt, current.publishedAt);
  if (byPublication !== 0) return byPublication > 0;
  if (version.arrivedAt === null) return true;
  return compareInstants(version.arrivedAt, current.arrivedAt ?? current.receivedAt) >= 0;
}
