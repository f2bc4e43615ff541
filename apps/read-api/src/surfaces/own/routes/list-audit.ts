import { z } from 'zod';
import { exportAuditQuery, listAuditQuery, listAuditResponse, type ExportAuditQuery } from '@quarterhour/contracts';
import { exportAudit, headerLine, listAudit, type AuditKey, type AuditQuery } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { jsonText, noBody, noParameters, ownSurface, route, type Position } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { exported } from '../../../exporting.js';
import { openListing } from '../../../listing.js';
import { windowOf } from '../../../query-instants.js';
import { AUDIT_PROJECTION } from '../present.js';

export const listAuditRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/audit',
  operationId: 'listAudit',
  summary: 'List who did what',
  description: 'Newest first. `quarterhour audit verify` tells whether the chains of hashes are whole.',
  tag: 'Audit',
  capability: 'audit:read',
  params: noParameters,
  query: listAuditQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page of entries.',
      schema: listAuditResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async (request, { db, cursors }: ApiContext) => {
    const { query, scope } = request;
    const filter = filterOf(query);
    const listing = openListing(cursors, 'listAudit', request);
    const after = listing.position === undefined ? {} : { after: keyOf(listing.position) };
    return db.read(scope.organisations, async (trx) => {
      const page = await listAudit(trx, { ...filter, ...after, limit: query.limit }, AUDIT_PROJECTION);
      const { lastKey } = page;
      const link = page.hasMore && lastKey !== null ? listing.linkAfter(positionOf(lastKey)) : {};
      return jsonText(`{"entries":${page.json},"limit":${query.limit}}`, link);
    });
  },
  exports: {
    query: exportAuditQuery,
    handler: (request, { db, cursors }: ApiContext, format) => {
      const filter = filterOf(request.query);
      const listing = openListing(cursors, 'listAudit', request);
      return exported(db, request, format, () =>
        Promise.resolve({
          name: 'audit',
          header: headerLine(AUDIT_PROJECTION, format),
          listing,
          read: exportAudit(filter, AUDIT_PROJECTION, format),
          after: listing.position && keyOf(listing.position),
          positionOf,
          knownAt: null,
        }),
      );
    },
  },
});

function filterOf({ from, to, actor, action }: Omit<ExportAuditQuery, 'limit'>): Omit<AuditQuery, 'after' | 'limit'> {
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { actions: action }),
    ...windowOf({ from, to }),
  };
}

function positionOf({ at, orgId, seq }: AuditKey): Position {
  return { sortKey: [at, orgId, String(seq)], knownAt: null };
}

function keyOf({ sortKey }: Position): AuditKey {
  const [at, orgId, seq] = z.tuple([z.string(), z.string(), z.coerce.number()]).parse(sortKey);
  return { at: parseInstant(at), orgId, seq };
}
