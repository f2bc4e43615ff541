import type { LineFormat, LinesReader, Page, Trx } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import { jsonText, type ExportFormat, type Position, type Reply, type Scope } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { exported } from '../../exporting.js';
import { openListing } from '../../listing.js';
import { agreedBound, boundOfPage, markOfPage, saying } from '../../marks.js';

/** What a page of agreed data says in its headers, for the document. */
export const PAGE_HEADERS = {
  Link: 'The next page, as rel="next", relative; absent on the last.',
  'Quarterhour-Known-At': 'Up to when the answer, and every page after it, knows things. As as_of it gives them again.',
} as const;

interface Asked {
  readonly as_of?: string | undefined;
  readonly cursor?: string | undefined;
}

interface ListRequest<Query> {
  readonly query: Query;
  readonly scope: Scope;
  readonly url: string;
}

interface KnownAt {
  readonly knownAt?: UtcInstant;
}

interface Paging<Key> extends KnownAt {
  readonly after?: Key;
  readonly limit: number;
  readonly offset: number;
}

/** A list of agreed rows: how its query is understood, and how it is read. */
export interface AgreedList<Query, Filter, Key> {
  readonly operationId: string;
  /** What its rows are called on a page, and the first word of an export's name. */
  readonly name: string;
  filterOf(query: Query): Filter;
  read(trx: Trx, query: Filter & Paging<Key>): Promise<Page<Key>>;
  headerLine(format: LineFormat): string;
  readLines(query: Filter & KnownAt, format: LineFormat): LinesReader<Key>;
  keyOf(sortKey: Position['sortKey']): Key;
  sortKeyOf(key: Key): Position['sortKey'];
}

/** @param beside members of the answer after its rows, as JSON text that begins with a comma */
export function answerPage<Query extends Asked, Filter, Key>(
  list: AgreedList<Query, Filter, Key>,
  request: ListRequest<NoInfer<Query> & { readonly limit: number; readonly offset?: number | undefined }>,
  { db, cursors }: ApiContext,
  beside = '',
): Promise<Reply> {
  const { query, scope } = request;
  const { limit, offset = 0 } = query;
  const filter = list.filterOf(query);
  const listing = openListing(cursors, list.operationId, request);
  const { position } = listing;

  return db.read(scope.organisations, async (trx) => {
    const bound = await boundOfPage(trx, query, position, scope);
    const page = await list.read(trx, {
      ...filter,
      ...(position === undefined ? {} : { after: list.keyOf(position.sortKey) }),
      ...(bound === undefined ? {} : { knownAt: bound }),
      limit,
      offset,
    });
    const { lastKey } = page;
    const known = bound ?? (await markOfPage(trx, page));
    const next = page.hasMore && lastKey !== null ? { sortKey: list.sortKeyOf(lastKey), knownAt: known } : undefined;
    return jsonText(`{"limit":${limit},"offset":${offset},"${list.name}":${page.json}${beside}}`, {
      ...saying(known),
      ...(next === undefined ? {} : listing.linkAfter(next)),
    });
  });
}

export function answerExport<Query extends Asked, Filter, Key>(
  list: AgreedList<Query, Filter, Key>,
  request: ListRequest<NoInfer<Query> & { readonly limit?: number | undefined }>,
  { db, cursors }: ApiContext,
  format: ExportFormat,
): Promise<Reply> {
  const { query } = request;
  const filter = list.filterOf(query);
  const listing = openListing(cursors, list.operationId, request);
  const { position } = listing;

  return exported(db, request, format, async (trx) => {
    const bound = await agreedBound(trx, query, position);
    return {
      name: list.name.replaceAll('_', '-'),
      header: list.headerLine(format),
      listing,
      read: list.readLines({ ...filter, knownAt: bound }, format),
      after: position && list.keyOf(position.sortKey),
      positionOf: (key: Key) => ({ sortKey: list.sortKeyOf(key), knownAt: bound }),
      knownAt: bound,
    };
  });
}
