import { z } from 'zod';
import {
  exportDispatchesQuery,
  listDispatchesQuery,
  listDispatchesResponse,
  type ExportDispatchesQuery,
} from '@quarterhour/contracts';
import { exportDispatches, headerLine, listDispatches, type DispatchKey, type DispatchQuery } from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { assetSurface, jsonText, noBody, noParameters, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { agreedBound, boundOfPage, markOfPage, saying } from '../../../marks.js';
import { deliveryDayIn, windowOf } from '../../../query-instants.js';
import { DISPATCH_PROJECTION } from '../present.js';

export const listDispatchesRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/dispatches',
  operationId: 'listDispatches',
  summary: 'List dispatch commands',
  description:
    'Ordered by dispatch_time, then event_id. from and to are required unless delivery_day is given; what is given together intersects.',
  tag: 'Dispatches',
  capability: 'dispatches:read',
  params: noParameters,
  query: listDispatchesQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of dispatches.',
      schema: listDispatchesResponse,
      headers: {
        Link: 'The next page, as rel="next", relative; absent on the last.',
        'Quarterhour-Known-At':
          'Up to when the answer, and every page after it, knows things. As as_of it gives them again.',
      },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const { limit, offset = 0 } = query;
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listDispatches', request);
    const { position } = listing;

    return db.read(scope.organisations, async (trx) => {
      const bound = await boundOfPage(trx, query, position, scope);
      const start = position === undefined ? {} : { after: keyOf(position) };
      const page = await listDispatches(
        trx,
        { ...filter, ...start, ...(bound === undefined ? {} : { knownAt: bound }), limit, offset },
        DISPATCH_PROJECTION,
      );
      const { lastKey } = page;
      const known = bound ?? (await markOfPage(trx, page));
      const text = `{"dispatches":${page.json},"limit":${limit},"offset":${offset}}`;
      return jsonText(text, {
        ...saying(known),
        ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, known)) : {}),
      });
    });
  },
  exports: {
    query: exportDispatchesQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { query } = request;
      const filter = filterOf(query);
      const listing = openListing(cursors, 'listDispatches', request);
      const { position } = listing;

      return exported(db, request, format, async (trx) => {
        const bound = await agreedBound(trx, query, position);
        return {
          name: 'dispatches',
          header: headerLine(DISPATCH_PROJECTION, format),
          listing,
          read: exportDispatches({ ...filter, knownAt: bound }, DISPATCH_PROJECTION, format),
          after: position && keyOf(position),
          positionOf: (key: DispatchKey) => positionOf(key, bound),
          knownAt: bound,
        };
      });
    },
  },
});

type DispatchFilter = Omit<DispatchQuery, 'after' | 'knownAt' | 'limit' | 'offset'>;

function filterOf({ asset_ids, delivery_day, order, from, to }: Omit<ExportDispatchesQuery, 'limit'>): DispatchFilter {
  return {
    assetIds: asset_ids,
    ...windowOf({ from, to }),
    ...(delivery_day === undefined ? {} : { deliveryDay: deliveryDayIn('delivery_day', delivery_day) }),
    order,
  };
}

const sortKeyShape = z.tuple([z.string(), z.string(), z.string()]);

function keyOf({ sortKey }: Position): DispatchKey {
  const [dispatchTime, eventId, assetId] = sortKeyShape.parse(sortKey);
  return { dispatchTime: parseInstant(dispatchTime), eventId, assetId };
}

function positionOf({ dispatchTime, eventId, assetId }: DispatchKey, knownAt: UtcInstant): Position {
  return { sortKey: [dispatchTime, eventId, assetId], knownAt };
}
