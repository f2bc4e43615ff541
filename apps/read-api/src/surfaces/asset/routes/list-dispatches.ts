import { z } from 'zod';
import { listDispatchesQuery, listDispatchesResponse, type ListDispatchesQuery } from '@quarterhour/contracts';
import { listDispatches, type DispatchKey, type DispatchQuery, type Page } from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { assetSurface, jsonText, noBody, noParameters, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { openListing } from '../../../listing.js';
import { agreedBound, saying } from '../../../marks.js';
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
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listDispatches', request);
    const { position } = listing;

    return db.read(scope.organisations, async (trx) => {
      const bound = await agreedBound(trx, query, position);
      const page = await listDispatches(trx, { ...filter, ...startAt(bound, position) }, DISPATCH_PROJECTION);
      const text = `{"dispatches":${page.json},"limit":${filter.limit},"offset":${filter.offset}}`;
      return jsonText(text, {
        ...saying(bound),
        ...(page.hasMore ? listing.linkAfter({ sortKey: sortKeyOf(page), knownAt: bound }) : {}),
      });
    });
  },
});

function filterOf({ asset_ids, delivery_day, order, limit, offset = 0, from, to }: ListDispatchesQuery): DispatchQuery {
  return {
    assetIds: asset_ids,
    ...windowOf({ from, to }),
    ...(delivery_day === undefined ? {} : { deliveryDay: deliveryDayIn('delivery_day', delivery_day) }),
    order,
    limit,
    offset,
  };
}

function startAt(bound: UtcInstant, position: Position | undefined): Pick<DispatchQuery, 'knownAt' | 'after'> {
  return { knownAt: bound, ...(position === undefined ? {} : { after: keyOf(position) }) };
}

const sortKeyShape = z.tuple([z.string(), z.string(), z.string()]);

function keyOf({ sortKey }: Position): DispatchKey {
  const [dispatchTime, eventId, assetId] = sortKeyShape.parse(sortKey);
  return { dispatchTime: parseInstant(dispatchTime), eventId, assetId };
}

function sortKeyOf({ lastKey }: Page<DispatchKey>): string[] {
  return lastKey === null ? [] : [lastKey.dispatchTime, lastKey.eventId, lastKey.assetId];
}
