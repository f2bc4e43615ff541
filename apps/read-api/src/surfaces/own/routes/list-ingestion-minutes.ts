import { z } from 'zod';
import {
  exportIngestionMinutesQuery,
  listIngestionMinutesQuery,
  listIngestionMinutesResponse,
  MAX_INGESTION_DAYS,
  type ExportIngestionMinutesQuery,
} from '@quarterhour/contracts';
import {
  exportIngestMinutes,
  headerLine,
  listIngestMinutes,
  type IngestMinuteKey,
  type IngestMinuteQuery,
} from '@quarterhour/db';
import { epochSeconds, parseInstant } from '@quarterhour/domain';
import { jsonText, noBody, noParameters, ownSurface, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { assertForward, instantIn, refused } from '../../../query-instants.js';
import { MINUTE_PROJECTION } from '../present.js';

const SECONDS_PER_DAY = 86_400;

export const listIngestionMinutesRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/ingestion/minutes',
  operationId: 'listIngestionMinutes',
  summary: 'Count what became of deliveries, minute by minute',
  description: 'Every settled delivery is counted once, in the minute in which its batch was stored.',
  tag: 'Ingestion',
  capability: 'ingestion:read',
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: listIngestionMinutesQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, oldest minute first.',
      schema: listIngestionMinutesResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listIngestionMinutes', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    const page = await db.read(scope.organisations, (trx) =>
      listIngestMinutes(trx, { ...filter, ...after, limit: query.limit }, MINUTE_PROJECTION),
    );
    const { lastKey } = page;
    const link = page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey)) : {};
    return jsonText(`{"minutes":${page.json},"limit":${query.limit}}`, link);
  },
  exports: {
    query: exportIngestionMinutesQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const filter = filterOf(request.query);
      const listing = openListing(cursors, 'listIngestionMinutes', request);
      return exported(db, request, format, () =>
        Promise.resolve({
          name: 'ingestion-minutes',
          header: headerLine(MINUTE_PROJECTION, format),
          listing,
          read: exportIngestMinutes(filter, MINUTE_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf,
          knownAt: null,
        }),
      );
    },
  },
});

type MinuteFilter = Omit<IngestMinuteQuery, 'after' | 'limit'>;

function filterOf({ from: first, to: last, stream }: Omit<ExportIngestionMinutesQuery, 'limit'>): MinuteFilter {
  const from = instantIn('from', first);
  const to = instantIn('to', last);
  assertForward(from, to);
  if (epochSeconds(to) - epochSeconds(from) > MAX_INGESTION_DAYS * SECONDS_PER_DAY) {
    throw refused('to', last, {
      code: 'window_too_long',
      message: `to is at most ${MAX_INGESTION_DAYS} days after from`,
      context: { max_days: MAX_INGESTION_DAYS },
    });
  }
  return { from, to, ...(stream === undefined ? {} : { stream }) };
}

function positionOf({ minute, stream, outcome, redelivered }: IngestMinuteKey): Position {
  return { sortKey: [minute, stream, outcome, String(redelivered)], knownAt: null };
}

function keyOf({ sortKey }: Position): IngestMinuteKey {
  const [minute, stream, outcome, redelivered] = z
    .tuple([z.string(), z.string(), z.string(), z.enum(['true', 'false'])])
    .parse(sortKey);
  return { minute: parseInstant(minute), stream, outcome, redelivered: redelivered === 'true' };
}
