import { mintApiKeyBody, mintedApiKey } from '@quarterhour/contracts';
import { created, noParameters, oneOrganisation, partnerSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { begunOnBroker } from '../begun-on-broker.js';
import { mintKey } from '../mint-key.js';

export const mintApiKeyRoute = route({
  surface: partnerSurface,
  method: 'post',
  path: '/api-keys',
  operationId: 'mintApiKey',
  summary: 'Make an API key',
  description:
    'The answer is all that a client needs: the key, the key that commands are signed with, and where to connect. It is given once. While trading is disabled the key is kept, and opens nothing on the broker.',
  tag: 'API keys',
  capability: 'api-keys:mint',
  params: noParameters,
  query: noParameters,
  body: mintApiKeyBody,
  responses: { 201: { description: 'The key, with its secrets.', schema: mintedApiKey } },
  handler: async ({ body, principal, scope }, ctx: ApiContext) => {
    const orgId = oneOrganisation(scope);
    const minted = await mintKey(ctx, { orgId, by: actorOf(principal), asked: body });
    await begunOnBroker(ctx, orgId);
    return created(minted);
  },
});
