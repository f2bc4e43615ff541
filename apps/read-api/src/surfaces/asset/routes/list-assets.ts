import { listAssetsQuery, listAssetsResponse } from '@quarterhour/contracts';
import { listAssetsPage } from '@quarterhour/db';
import { assetSurface, jsonText, noBody, noParameters, route, type Position } from '@quarterhour/http';
import { z } from 'zod';
import type { ApiContext } from '../../../api-context.js';
import { openListing } from '../../../listing.js';
import { ASSET_PROJECTION } from '../present.js';

export const listAssetsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/assets',
  operationId: 'listAssets',
  summary: 'List assets',
  description: 'By id. Filters that are given hold together.',
  tag: 'Assets',
  capability: 'registry:read',
  params: noParameters,
  query: listAssetsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of assets.',
      schema: listAssetsResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const { limit, offset = 0, type, region, lifecycle, delivery_area: deliveryArea, provider } = query;
    const listing = openListing(cursors, 'listAssets', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    const filter = { type, region, lifecycle, deliveryArea, provider };
    const page = await db.read(scope.owners, (trx) =>
      listAssetsPage(trx, { ...filter, ...after, limit, offset }, ASSET_PROJECTION),
    );
    const { json, hasMore, lastKey } = page;
    return jsonText(
      `{"limit":${limit},"offset":${offset},"assets":${json}}`,
      hasMore && lastKey !== null ? listing.linkAfter({ sortKey: [lastKey.id], knownAt: null }) : {},
    );
  },
});

const sortKeyShape = z.tuple([z.string()]);

function keyOf({ sortKey }: Position): { readonly id: string } {
  const [id] = sortKeyShape.parse(sortKey);
  return { id };
}
