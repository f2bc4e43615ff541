import { plantSync } from '@quarterhour/contracts';
import { noBody, noParameters, oneOrganisation, route, tradingSurface } from '@quarterhour/http';
import { refuseWithoutEsm } from '../esm.js';

export const syncPlantsRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/sync',
  operationId: 'syncPlants',
  summary: 'Pull the plant list from the ESM now',
  description: 'Answered ESM_NOT_CONFIGURED: this installation asks no ESM for anything yet.',
  tag: 'Plants',
  capability: 'plant-config:write',
  params: noParameters,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'How many were taken over.', schema: plantSync } },
  handler: ({ scope }) => {
    oneOrganisation(scope);
    return refuseWithoutEsm();
  },
});
