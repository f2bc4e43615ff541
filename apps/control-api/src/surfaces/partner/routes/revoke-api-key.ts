import { apiKeyPath } from '@quarterhour/contracts';
import { noBody, noContent, noParameters, partnerSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { revokeKey } from '../revoke-key.js';

export const revokeApiKeyRoute = route({
  surface: partnerSurface,
  method: 'post',
  path: '/api-keys/{id}/revoke',
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description: 'The same as DELETE, for clients that cannot send that.',
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
