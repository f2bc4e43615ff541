import { z } from 'zod';
import {
  exportAssetSitesQuery,
  listAssetSitesQuery,
  listAssetSitesResponse,
  type ExportAssetSitesQuery,
} from '@quarterhour/contracts';
import {
  exportConnectionPoints,
  headerLine,
  listConnectionPoints,
  type ConnectionPointKey,
  type ConnectionPointQuery,
} from '@quarterhour/db';
import { assetSurface, jsonText, noBody, noParameters, route, SITE_PROJECTION, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';

export const listAssetSitesRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/sites',
  operationId: 'listSites',
  summary: 'List sites',
  description: 'By id, as they are now.',
  tag: 'Sites',
  capability: 'registry:read',
  params: noParameters,
  query: listAssetSitesQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of sites.',
      schema: listAssetSitesResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const { limit, offset = 0 } = query;
    const listing = openListing(cursors, 'listSites', request);
    const start = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    const asked = { ...filterOf(query), ...start, limit, offset };
    const { json, hasMore, lastKey } = await db.read(scope.organisations, (trx) =>
      listConnectionPoints(trx, asked, SITE_PROJECTION),
    );
    const link = hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey)) : {};
    return jsonText(`{"limit":${limit},"offset":${offset},"sites":${json}}`, link);
  },
  exports: {
    query: exportAssetSitesQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const listing = openListing(cursors, 'listSites', request);
      return exported(db, request, format, () =>
        Promise.resolve({
          name: 'sites',
          header: headerLine(SITE_PROJECTION.point, format),
          listing,
          read: exportConnectionPoints(filterOf(request.query), SITE_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf,
          knownAt: null,
        }),
      );
    },
  },
});

type SiteFilter = Omit<ConnectionPointQuery, 'after' | 'limit' | 'offset'>;

function filterOf({ region, delivery_area, asset_id, expand }: Omit<ExportAssetSitesQuery, 'limit'>): SiteFilter {
  return {
    ...(region === undefined ? {} : { region }),
    ...(delivery_area === undefined ? {} : { deliveryArea: delivery_area }),
    ...(asset_id === undefined ? {} : { assetId: asset_id }),
    withInverters: expand === 'inverters',
  };
}

function keyOf({ sortKey }: Position): ConnectionPointKey {
  const [id] = z.tuple([z.string()]).parse(sortKey);
  return { id };
}

function positionOf({ id }: ConnectionPointKey): Position {
  return { sortKey: [id], knownAt: null };
}
