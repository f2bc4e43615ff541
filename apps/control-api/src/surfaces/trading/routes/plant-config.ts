import {
  configLogEntry,
  plantConfig,
  plantPath,
  triedConfigLogEntry,
  updatePlantConfigBody,
} from '@quarterhour/contracts';
import { noBody, noParameters, route, tradingSurface } from '@quarterhour/http';
import { refuseUnlinkedPlant } from '../esm.js';

const UNLINKED = 'Answered BAD_REQUEST: no plant of this installation is linked to an ESM yet.';

export const getPlantConfigRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/config',
  operationId: 'getPlantConfig',
  summary: 'Read the plant configuration held by the ESM',
  description: UNLINKED,
  tag: 'Plants',
  capability: 'plant-config:read',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'Current configuration.', schema: plantConfig } },
  handler: refuseUnlinkedPlant,
});

export const updatePlantConfigRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/{plantId}/config',
  operationId: 'updatePlantConfig',
  summary: 'Send a plant configuration to the ESM',
  description: UNLINKED,
  tag: 'Plants',
  capability: 'plant-config:write',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: updatePlantConfigBody,
  responses: { 200: { description: 'Entry of this request in the config log.', schema: configLogEntry } },
  handler: refuseUnlinkedPlant,
});

export const validatePlantConfigRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/{plantId}/config/validate',
  operationId: 'validatePlantConfig',
  summary: 'Dry run of a plant configuration',
  description: `The body of the update; whatever it says of validateOnly, nothing is changed. ${UNLINKED}`,
  tag: 'Plants',
  capability: 'plant-config:write',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: updatePlantConfigBody,
  responses: { 200: { description: 'Entry of this request in the config log.', schema: triedConfigLogEntry } },
  handler: refuseUnlinkedPlant,
});
