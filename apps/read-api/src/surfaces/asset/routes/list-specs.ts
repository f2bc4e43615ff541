import { z } from 'zod';
import {
  exportSpecsQuery,
  listSpecsQuery,
  listSpecsResponse,
  MAX_SPEC_DAYS,
  type ExportSpecsQuery,
} from '@quarterhour/contracts';
import { exportSpecs, headerLine, listSpecs, type SpecKey, type SpecQuery } from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { assetSurface, jsonText, noBody, noParameters, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { agreedBound, boundOfPage, KNOWN_AT_HEADER, markOfPage, saying } from '../../../marks.js';
import { assertAtMost, windowOf } from '../../../query-instants.js';
import { SPEC_PROJECTION } from '../present.js';

export const listSpecsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/specs',
  operationId: 'listSpecs',
  summary: 'List versions of technical data',
  description:
    'By asset, and of each the version that begins last first. from and to bound valid_from, both included. latest keeps the first of each asset, also when it begins in the future.',
  tag: 'Specs',
  capability: 'registry:read',
  params: noParameters,
  query: listSpecsQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of versions.',
      schema: listSpecsResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.', ...KNOWN_AT_HEADER },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const { limit, offset = 0 } = query;
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listSpecs', request);
    const { position } = listing;

    return db.read(scope.organisations, async (trx) => {
      const bound = await boundOfPage(trx, query, position, scope);
      const start = position === undefined ? {} : { after: keyOf(position) };
      const known = bound === undefined ? {} : { knownAt: bound };
      const page = await listSpecs(trx, { ...filter, ...start, ...known, limit, offset }, SPEC_PROJECTION);
      const { lastKey } = page;
      const mark = bound ?? (await markOfPage(trx, page));
      return jsonText(`{"limit":${limit},"offset":${offset},"specs":${page.json}}`, {
        ...saying(mark),
        ...(page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey, mark)) : {}),
      });
    });
  },
  exports: {
    query: exportSpecsQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const { query } = request;
      const filter = filterOf(query);
      const listing = openListing(cursors, 'listSpecs', request);
      const { position } = listing;

      return exported(db, request, format, async (trx) => {
        const bound = await agreedBound(trx, query, position);
        return {
          name: 'specs',
          header: headerLine(SPEC_PROJECTION, format),
          listing,
          read: exportSpecs({ ...filter, knownAt: bound }, SPEC_PROJECTION, format),
          after: position && keyOf(position),
          positionOf: (key: SpecKey) => positionOf(key, bound),
          knownAt: bound,
        };
      });
    },
  },
});

type SpecFilter = Omit<SpecQuery, 'after' | 'knownAt' | 'limit' | 'offset'>;

function filterOf({ asset_ids, latest, from, to }: Omit<ExportSpecsQuery, 'limit'>): SpecFilter {
  const window = windowOf({ from, to });
  assertAtMost(window, MAX_SPEC_DAYS);
  return { assetIds: asset_ids, latestOnly: latest, ...window };
}

const sortKeyShape = z.tuple([z.string(), z.string()]);

function keyOf({ sortKey }: Position): SpecKey {
  const [assetId, validFrom] = sortKeyShape.parse(sortKey);
  return { assetId, validFrom: parseInstant(validFrom) };
}

function positionOf({ assetId, validFrom }: SpecKey, knownAt: UtcInstant): Position {
  return { sortKey: [assetId, validFrom], knownAt };
}
