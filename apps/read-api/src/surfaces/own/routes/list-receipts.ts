import { z } from 'zod';
import {
  exportReceiptsQuery,
  listReceiptsQuery,
  listReceiptsResponse,
  type ExportReceiptsQuery,
} from '@quarterhour/contracts';
import { exportReceipts, headerLine, listReceipts, type Receipted, type ReceiptKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { jsonText, noBody, noParameters, ownSurface, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { instantIn } from '../../../query-instants.js';
import { RECEIPT_PROJECTION } from '../present.js';

export const listReceiptsRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/ingestion/receipts',
  operationId: 'listReceipts',
  summary: 'Find out what became of a message',
  description:
    'By message_id: commands, events, and whatever was set aside. By plant_id and measured_at: every telemetry message that brought values of that instant.',
  tag: 'Ingestion',
  capability: 'ingestion:read',
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: listReceiptsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, oldest first; empty when no such message is known.',
      schema: listReceiptsResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const wanted = wantedIn(query);
    const listing = openListing(cursors, 'listReceipts', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    const page = await db.read(scope.organisations, (trx) =>
      listReceipts(trx, { ...wanted, ...after, limit: query.limit }, RECEIPT_PROJECTION),
    );
    const { lastKey } = page;
    const link = page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey)) : {};
    return jsonText(`{"receipts":${page.json},"limit":${query.limit}}`, link);
  },
  exports: {
    query: exportReceiptsQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const wanted = wantedIn(request.query);
      const listing = openListing(cursors, 'listReceipts', request);
      return exported(db, request, format, () =>
        Promise.resolve({
          name: 'receipts',
          header: headerLine(RECEIPT_PROJECTION, format),
          listing,
          read: exportReceipts(wanted, RECEIPT_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf,
          knownAt: null,
        }),
      );
    },
  },
});

/** That one of the two forms is whole was asked of the query before. */
function wantedIn({ message_id, plant_id = '', measured_at = '' }: Omit<ExportReceiptsQuery, 'limit'>): Receipted {
  if (message_id !== undefined) return { messageId: message_id };
  return { plantId: plant_id, measuredAt: instantIn('measured_at', measured_at) };
}

function positionOf({ firstReceivedAt, entry }: ReceiptKey): Position {
  return { sortKey: [firstReceivedAt, entry], knownAt: null };
}

function keyOf({ sortKey }: Position): ReceiptKey {
  const [firstReceivedAt, entry] = z.tuple([z.string(), z.string()]).parse(sortKey);
  return { firstReceivedAt: parseInstant(firstReceivedAt), entry };
}
