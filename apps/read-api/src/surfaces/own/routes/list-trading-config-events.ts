import { z } from 'zod';
import {
  exportTradingConfigEventsQuery,
  listTradingConfigEventsQuery,
  listTradingConfigEventsResponse,
  type ExportTradingConfigEventsQuery,
} from '@quarterhour/contracts';
import {
  exportTradingConfigEvents,
  headerLine,
  listTradingConfigEvents,
  type TradingConfigKey,
  type TradingConfigQuery,
} from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { jsonText, noBody, noParameters, ownSurface, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { agreedBound, boundOfPage, markOfPage, saying } from '../../../marks.js';
import { windowOf } from '../../../query-instants.js';
import { TRADING_CONFIG_PROJECTION } from '../present.js';

export const listTradingConfigEventsRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/trading-config-events',
  operationId: 'listTradingConfigEvents',
  summary: 'List what was said about plants and about trading',
  description:
    "Partners' config of their plants and control planes' changes of an organisation's trading, in the order in which they became known.",
  tag: 'Trading config',
  capability: 'trading-config:read',
  params: noParameters,
  query: listTradingConfigEventsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of events.',
      schema: listTradingConfigEventsResponse,
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
    const listing = openListing(cursors, 'listTradingConfigEvents', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };

    return db.read(scope.organisations, async (trx) => {
      const bound = await boundOfPage(trx, query, listing.position, scope);
      const page = await listTradingConfigEvents(
        trx,
        { ...filter, ...after, ...(bound === undefined ? {} : { knownAt: bound }), limit: query.limit },
        TRADING_CONFIG_PROJECTION,
      );
      const { lastKey } = page;
      const known = bound ?? (await markOfPage(trx, page));
      return jsonText(`{"events":${page.json},"limit":${query.limit}}`, {
        ...saying(known),
        ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, known)) : {}),
      });
    });
  },
  exports: {
    query: exportTradingConfigEventsQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { query } = request;
      const filter = filterOf(query);
      const listing = openListing(cursors, 'listTradingConfigEvents', request);
      return exported(db, request, format, async (trx) => {
        const bound = await agreedBound(trx, query, listing.position);
        return {
          name: 'trading-config-events',
          header: headerLine(TRADING_CONFIG_PROJECTION, format),
          listing,
          read: exportTradingConfigEvents({ ...filter, knownAt: bound }, TRADING_CONFIG_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf: (key: TradingConfigKey) => positionOf(key, bound),
          knownAt: bound,
        };
      });
    },
  },
});

function filterOf({
  kind,
  origin,
  plant_id,
  message_id,
  from,
  to,
  order,
}: Omit<ExportTradingConfigEventsQuery, 'limit'>): Omit<TradingConfigQuery, 'after' | 'knownAt' | 'limit'> {
  return {
    ...(kind === undefined ? {} : { kinds: kind }),
    ...(origin === undefined ? {} : { origin }),
    ...(plant_id === undefined ? {} : { plantId: plant_id }),
    ...(message_id === undefined ? {} : { messageId: message_id }),
    ...windowOf({ from, to }),
    order,
  };
}

function positionOf({ receivedAt, orgId, place }: TradingConfigKey, knownAt: UtcInstant): Position {
  return { sortKey: [receivedAt, orgId, String(place)], knownAt };
}

function keyOf({ sortKey }: Position): TradingConfigKey {
  const [receivedAt, orgId, place] = z.tuple([z.string(), z.string(), z.coerce.number()]).parse(sortKey);
  return { receivedAt: parseInstant(receivedAt), orgId, place };
}
