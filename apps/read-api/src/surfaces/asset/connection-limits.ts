import { z } from 'zod';
import type { ExportConnectionLimitsQuery, ListConnectionLimitsQuery } from '@quarterhour/contracts';
import {
  exportConnectionLimits,
  headerLine,
  listConnectionLimits,
  type ConnectionLimitKey,
  type ConnectionLimitQuery,
  type LimitedKind,
  type Trx,
} from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import {
  jsonText,
  type ExportFormat,
  type ParsedRequest,
  type Position,
  type StreamedReply,
  type TextReply,
} from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { exported } from '../../exporting.js';
import { openListing } from '../../listing.js';
import { agreedBound, boundOfPage, markOfPage, saying } from '../../marks.js';
import { assertAtMost, assertForward, instantIn } from '../../query-instants.js';
import { CONNECTION_LIMIT_PROJECTION } from './present.js';

/** What limits are asked of, and how. */
export interface LimitedThing {
  /** Of the list: cursors of one list open no other. */
  readonly route: string;
  readonly of: LimitedKind;
  readonly id: string;
  /** Longest window. */
  readonly days: number;
  /** @throws NotFoundError when it is not there */
  assertThere(trx: Trx): Promise<void>;
}

type Asked<Query> = Pick<ParsedRequest<unknown, Query, unknown>, 'query' | 'scope' | 'url'>;

/** One page of the limits of a site or an inverter. */
export function limitsPage(
  request: Asked<ListConnectionLimitsQuery>,
  { db, cursors }: ApiContext,
  thing: LimitedThing,
): Promise<TextReply> {
  const { query, scope } = request;
  const { limit, offset = 0 } = query;
  const filter = filterOf(query, thing);
  const listing = listingOf(request, { cursors }, thing);
  const { position } = listing;

  return db.read(scope.organisations, async (trx) => {
    await thing.assertThere(trx);
    const bound = await boundOfPage(trx, query, position, scope);
    const start = position === undefined ? {} : { after: keyOf(position) };
    const known = bound === undefined ? {} : { knownAt: bound };
    const asked = { ...filter, ...start, ...known, limit, offset };
    const page = await listConnectionLimits(trx, asked, CONNECTION_LIMIT_PROJECTION);
    const { lastKey } = page;
    const mark = bound ?? (await markOfPage(trx, page));
    return jsonText(`{"limit":${limit},"offset":${offset},"limits":${page.json}}`, {
      ...saying(mark),
      ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, mark)) : {}),
    });
  });
}

/** The same as a file. */
export function limitsExport(
  request: Asked<ExportConnectionLimitsQuery>,
  { db, cursors }: ApiContext,
  format: ExportFormat,
  thing: LimitedThing,
): Promise<StreamedReply> {
  const { query } = request;
  const filter = filterOf(query, thing);
  const listing = listingOf(request, { cursors }, thing);
  const { position } = listing;

  return exported(db, request, format, async (trx) => {
    await thing.assertThere(trx);
    const bound = await agreedBound(trx, query, position);
    return {
      name: `${thing.of}-limits`,
      header: headerLine(CONNECTION_LIMIT_PROJECTION, format),
      listing,
      read: exportConnectionLimits({ ...filter, knownAt: bound }, CONNECTION_LIMIT_PROJECTION, format),
      after: position && keyOf(position),
      positionOf: (key: ConnectionLimitKey) => positionOf(key, bound),
      knownAt: bound,
    };
  });
}

/** The thing is part of what the list is of, as if it were a filter. */
function listingOf(
  { query, scope, url }: Asked<{ readonly cursor?: string | undefined }>,
  { cursors }: Pick<ApiContext, 'cursors'>,
  { route, id }: LimitedThing,
) {
  const named = { ...query, of: id };
  return openListing(cursors, route, { query: named, scope, url });
}

type LimitFilter = Omit<ConnectionLimitQuery, 'after' | 'knownAt' | 'limit' | 'offset'>;

function filterOf(query: Pick<ListConnectionLimitsQuery, 'from' | 'to'>, { of, id, days }: LimitedThing): LimitFilter {
  const window = { from: instantIn('from', query.from), to: instantIn('to', query.to) };
  assertForward(window.from, window.to);
  assertAtMost(window, days);
  return { of, id, ...window };
}

function keyOf({ sortKey }: Position): ConnectionLimitKey {
  const [startTime] = z.tuple([z.string()]).parse(sortKey);
  return { startTime: parseInstant(startTime) };
}

function positionOf({ startTime }: ConnectionLimitKey, knownAt: UtcInstant): Position {
  return { sortKey: [startTime], knownAt };
}
