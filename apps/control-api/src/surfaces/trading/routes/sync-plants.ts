import { plantSync } from '@quarterhour/contracts';
import { json, noBody, noParameters, oneOrganisation, RequestRefused, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { syncPlants } from '../../../esm/sync.js';
import { answeredByEsm, esmNotConfigured } from '../esm.js';

export const syncPlantsRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/sync',
  operationId: 'syncPlants',
  summary: 'Pull the plant list from the ESM now',
  description:
    'Plants that are registered here are linked to those of the list that have their external id, or, as long as they have none, their name. Nothing is registered: what is in the list alone counts as an error, and lastSyncError of the configuration names it.',
  tag: 'Plants',
  capability: 'plant-config:write',
  params: noParameters,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'How many were taken over.', schema: plantSync } },
  handler: async ({ scope, principal }, ctx: ApiContext) => {
    const orgId = oneOrganisation(scope);
    const outcome = await answeredByEsm(syncPlants(ctx.esm, orgId, actorOf(principal)));
    if (outcome === null) throw esmNotConfigured();
    if (outcome === 'busy') throw new RequestRefused({ kind: 'busy', retryAfterSeconds: 1 });
    return json(outcome);
  },
});
