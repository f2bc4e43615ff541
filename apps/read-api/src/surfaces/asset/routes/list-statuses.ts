import {
  exportStatusesQuery,
  listStatusesQuery,
  listStatusesResponse,
  type ExportStatusesQuery,
} from '@quarterhour/contracts';
import {
  exportAssetStatuses,
  headerLine,
  listAssetStatuses,
  type AssetStatusKey,
  type AssetStatusQuery,
  type Trx,
} from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { assetSurface, jsonText, noBody, noParameters, route, type Position, type Scope } from '@quarterhour/http';
import { z } from 'zod';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { agreedBound, boundOfNow, boundOfPage, KNOWN_AT_HEADER, markOfPage, saying } from '../../../marks.js';
import { windowOf } from '../../../query-instants.js';
import { ASSET_STATUS_PROJECTION } from '../present.js';

export const listStatusesRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/statuses',
  operationId: 'listStatuses',
  summary: 'List statuses of assets',
  description:
    'All of a window by effective_at, then asset_id; with latest=true the newest of each asset by asset_id. Needs latest=true, or from.',
  tag: 'Status',
  capability: 'periods:read',
  params: noParameters,
  query: listStatusesQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of statuses.',
      schema: listStatusesResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.', ...KNOWN_AT_HEADER },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const { limit, offset = 0 } = query;
    const listing = openListing(cursors, 'listStatuses', request);
    const { position } = listing;
    const start = position === undefined ? {} : { after: keyOf(position) };

    return db.read(scope.organisations, async (trx) => {
      const bounds = await pageBounds(trx, query, position, scope);
      const asked = { ...filterOf(query), ...bounds, ...start, limit, offset };
      const page = await listAssetStatuses(trx, asked, ASSET_STATUS_PROJECTION);
      const { lastKey } = page;
      const known = bounds.knownAt ?? (await markOfPage(trx, page));
      return jsonText(`{"limit":${limit},"offset":${offset},"statuses":${page.json}}`, {
        ...saying(known),
        ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, known)) : {}),
      });
    });
  },
  exports: {
    query: exportStatusesQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { query } = request;
      const listing = openListing(cursors, 'listStatuses', request);
      const { position } = listing;
      return exported(db, request, format, async (trx) => {
        const bounds = endsNow(query)
          ? nowBounds(await boundOfNow(trx, query, position))
          : { knownAt: await agreedBound(trx, query, position) };
        return {
          name: 'statuses',
          header: headerLine(ASSET_STATUS_PROJECTION, format),
          listing,
          read: exportAssetStatuses({ ...filterOf(query), ...bounds }, ASSET_STATUS_PROJECTION, format),
          after: position && keyOf(position),
          positionOf: (key: AssetStatusKey) => positionOf(key, bounds.knownAt),
          knownAt: bounds.knownAt,
        };
      });
    },
  },
});

type StatusFilter = Omit<AssetStatusQuery, 'after' | 'knownAt' | 'limit' | 'offset'>;
type Asked = Omit<ExportStatusesQuery, 'limit'>;

function filterOf({ asset_ids, latest, status, from, to }: Asked): StatusFilter {
  return {
    assetIds: asset_ids,
    isLatest: latest,
    ...windowOf({ from, to }),
    ...(status === undefined ? {} : { statuses: status }),
  };
}

/** Without an end of its own the window ends where what the answer knows ends: asked for again, it ends there again. */
function endsNow({ latest, to }: Asked): boolean {
  return !latest && to === undefined;
}

function nowBounds(bound: UtcInstant): { readonly to: UtcInstant; readonly knownAt: UtcInstant } {
  return { to: bound, knownAt: bound };
}

async function pageBounds(
  trx: Trx,
  query: Asked,
  position: Position | undefined,
  scope: Scope,
): Promise<{ readonly to?: UtcInstant; readonly knownAt?: UtcInstant }> {
  if (endsNow(query)) return nowBounds(await boundOfNow(trx, query, position));
  const bound = await boundOfPage(trx, query, position, scope);
  return bound === undefined ? {} : { knownAt: bound };
}

const sortKeyShape = z.tuple([z.string(), z.string()]);

function keyOf({ sortKey }: Position): AssetStatusKey {
  const [effectiveAt, assetId] = sortKeyShape.parse(sortKey);
  return { effectiveAt: parseInstant(effectiveAt), assetId };
}

function positionOf({ effectiveAt, assetId }: AssetStatusKey, knownAt: UtcInstant): Position {
  return { sortKey: [effectiveAt, assetId], knownAt };
}
