import { listApiKeysQuery, listApiKeysResponse } from '@quarterhour/contracts';
import { listApiKeys } from '@quarterhour/db';
import { noBody, noParameters, numberedPageReply, offsetOf, partnerSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { API_KEY_PROJECTION, VHOST_START } from '../present.js';

export const listApiKeysRoute = route({
  surface: partnerSurface,
  method: 'get',
  path: '/api-keys',
  operationId: 'listApiKeys',
  summary: 'API keys, without their secrets',
  tag: 'API keys',
  capability: 'api-keys:read',
  params: noParameters,
  query: listApiKeysQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, newest first; revoked and expired ones stay in the list.',
      schema: listApiKeysResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: async ({ query, scope, url }, { db }: ApiContext) => {
    const asked = { offset: offsetOf(query), limit: query.limit, vhostStart: VHOST_START };
    const found = await db.read(scope.owners, (trx) => listApiKeys(trx, asked, API_KEY_PROJECTION));
    return numberedPageReply(query, found, url);
  },
});
