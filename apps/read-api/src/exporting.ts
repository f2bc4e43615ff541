import { closedLines, type Database, type Lines, type LinesReader, type Trx } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import { lines, type ExportFormat, type Position, type Scope, type StreamedReply } from '@quarterhour/http';
import type { Listing } from './listing.js';
import { saying } from './marks.js';

/** Rows that are read at once; of a stalled export two such parts are held, and no connection. */
const PART_ROWS = 4_000;

interface ExportRequest {
  readonly query: { readonly limit?: number | undefined };
  readonly scope: Scope;
}

/** A list that is about to leave as lines. */
export interface Export<Key> {
  /** First word of the file's name. */
  readonly name: string;
  /** What comes before the first line. */
  readonly header: string;
  readonly listing: Listing;
  readonly read: LinesReader<Key>;
  /** Where it begins; undefined for the beginning. */
  readonly after: Key | undefined;
  readonly positionOf: (key: Key) => Position;
  /** Up to when all of it knows things; null for a list that is told as it is. */
  readonly knownAt: UtcInstant | null;
}

/**
 * Streams a list, each part of it in a transaction of its own.
 *
 * The first part is read before anything is answered, so that whatever is wrong with the request is still told as such.
 */
export async function exported<Key>(
  db: Database,
  { scope, query: { limit = Infinity } }: ExportRequest,
  format: ExportFormat,
  open: (trx: Trx) => Promise<Export<Key>>,
): Promise<StreamedReply> {
  const { opened, first } = await db.read(scope.organisations, async (trx) => {
    const opened = await open(trx);
    return { opened, first: await opened.read(trx, opened.after, Math.min(limit, PART_ROWS)) };
  });
  const readOn = (after: Key, most: number): Promise<Lines<Key>> =>
    db.read(scope.organisations, (trx) => opened.read(trx, after, Math.min(most, PART_ROWS)));
  const { name, knownAt } = opened;
  return lines(chunksOf(opened, format, { first, limit, readOn }), {
    format,
    name: knownAt === null ? name : `${name}-${knownAt.replaceAll(/[^0-9TZ]/g, '')}`,
    headers: knownAt === null ? {} : saying(knownAt),
  });
}

interface Parts<Key> {
  readonly first: Lines<Key>;
  readonly limit: number;
  readonly readOn: (after: Key, most: number) => Promise<Lines<Key>>;
}

async function* chunksOf<Key>(
  { header, listing, positionOf }: Export<Key>,
  format: ExportFormat,
  { first, limit, readOn }: Parts<Key>,
): AsyncGenerator<string, void> {
  if (header !== '') yield header;
  let part = first;
  for (let left = limit - first.size; ; left -= part.size) {
    const { pieces, hasMore, lastKey } = part;
    const next = hasMore && lastKey !== null && left > 0 ? ahead(readOn(lastKey, left)) : undefined;
    for (const { text, key } of pieces) {
      const isEnd = key === null || (key === lastKey && !hasMore);
      yield closedLines(text, format, isEnd ? null : listing.cursorAfter(positionOf(key)));
    }
    if (next === undefined) return;
    part = await next;
  }
}

/** Of a part that nobody waits for any more, no failure is told. */
function ahead<T>(reading: Promise<T>): Promise<T> {
  reading.catch(() => undefined);
  return reading;
}
