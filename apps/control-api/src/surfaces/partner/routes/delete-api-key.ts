import { apiKeyPath } from '@quarterhour/contracts';
import { noBody, noContent, noParameters, partnerSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { revokeKey } from '../revoke-key.js';

export const deleteApiKeyRoute = route({
  surface: partnerSurface,
  method: 'delete',
  path: '/api-keys/{id}',
  operationId: 'deleteApiKey',
  summary: 'Revoke an API key, for ever',
  description:
    'The next request with it is refused, what it has open on the broker is closed. It stays in the list. Revoking it again changes nothing.',
  tag: 'API keys',
  capability: 'api-keys:revoke',
  params: apiKeyPath,
  query: noParameters,
  body: noBody,
  responses: { 204: { description: 'It is revoked.' } },
  handler: async ({ params: { id }, principal, scope }, ctx: ApiContext) => {
    await revokeKey(ctx, { id, scope, by: actorOf(principal) });
    return noContent();
  },
});
