import { z } from 'zod';
import {
  exportQuarantineQuery,
  listQuarantineQuery,
  listQuarantineResponse,
  type ExportQuarantineQuery,
} from '@quarterhour/contracts';
import {
  exportQuarantine,
  headerLine,
  listQuarantine,
  type QuarantineKey,
  type QuarantineQuery,
} from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { jsonText, noBody, noParameters, ownSurface, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { windowOf } from '../../../query-instants.js';
import { QUARANTINE_PROJECTION } from '../present.js';

export const listQuarantineRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/quarantine',
  operationId: 'listQuarantine',
  summary: 'List deliveries that were set aside',
  description: 'Newest first by first_seen. What belongs to no organisation is visible to admins only.',
  tag: 'Quarantine',
  capability: 'quarantine:read',
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: listQuarantineQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, newest first.',
      schema: listQuarantineResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listQuarantine', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    const page = await db.read(scope.organisations, (trx) =>
      listQuarantine(trx, { ...filter, ...after, limit: query.limit }, QUARANTINE_PROJECTION),
    );
    const { lastKey } = page;
    const link = page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey)) : {};
    return jsonText(`{"quarantine":${page.json},"limit":${query.limit}}`, link);
  },
  exports: {
    query: exportQuarantineQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const filter = filterOf(request.query);
      const listing = openListing(cursors, 'listQuarantine', request);
      return exported(db, request, format, () =>
        Promise.resolve({
          name: 'quarantine',
          header: headerLine(QUARANTINE_PROJECTION, format),
          listing,
          read: exportQuarantine(filter, QUARANTINE_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf,
          knownAt: null,
        }),
      );
    },
  },
});

function filterOf({
  reason,
  stream,
  state,
  message_id,
  waits_for,
  from,
  to,
}: Omit<ExportQuarantineQuery, 'limit'>): Omit<QuarantineQuery, 'after' | 'limit'> {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(stream === undefined ? {} : { stream }),
    ...(state === undefined ? {} : { state }),
    ...(message_id === undefined ? {} : { messageId: message_id }),
    ...(waits_for === undefined ? {} : { waitsFor: waits_for }),
    ...windowOf({ from, to }),
  };
}

function positionOf({ firstSeen, id }: QuarantineKey): Position {
  return { sortKey: [firstSeen, id], knownAt: null };
}

function keyOf({ sortKey }: Position): QuarantineKey {
  const [firstSeen, id] = z.tuple([z.string(), z.string()]).parse(sortKey);
  return { firstSeen: parseInstant(firstSeen), id };
}
