import { listSitesQuery, listSitesResponse } from '@quarterhour/contracts';
import { listSites } from '@quarterhour/db';
import { noBody, noParameters, numberedPageReply, offsetOf, route, vcpSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { SITE_PROJECTION } from '../present.js';

export const listPartnerSitesRoute = route({
  surface: vcpSurface,
  method: 'get',
  path: '/sites',
  operationId: 'listPartnerSites',
  summary: "The partner's sites",
  tag: 'Sites',
  capability: null,
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: listSitesQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, in the order in which they were registered.',
      schema: listSitesResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async ({ query, scope, url }, { db }: ApiContext) => {
    const asked = { offset: offsetOf(query), limit: query.limit };
    const found = await db.read(scope.owners, (trx) => listSites(trx, asked, SITE_PROJECTION));
    return numberedPageReply(query, found, url);
  },
});
