import {
  configLogEntry,
  plantConfig,
  plantPath,
  triedConfigLogEntry,
  updatePlantConfigBody,
  type UpdatePlantConfigBody,
} from '@quarterhour/contracts';
import {
  json,
  noBody,
  noParameters,
  route,
  tradingSurface,
  type ParsedRequest,
  type TextReply,
} from '@quarterhour/http';
import { z } from 'zod';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { sendPlantConfig } from '../../../esm/plant-config.js';
import { answeredByEsm, linkedPlant } from '../esm.js';
import { presentConfigLogEntry, presentPlantConfig } from '../present.js';

const AFTERWARDS =
  'The entry may not be terminal yet: what became of it is asked for until it is, and stands in the config log.';

export const getPlantConfigRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/config',
  operationId: 'getPlantConfig',
  summary: 'Read the plant configuration held by the ESM',
  description: 'Asks the ESM. A plant without a link to one is a bad request.',
  tag: 'Plants',
  capability: 'plant-config:read',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'Current configuration.', schema: plantConfig } },
  handler: async (request, ctx: ApiContext) => {
    const { access, externalPlantId } = await linkedPlant(request, ctx);
    const config = await answeredByEsm(ctx.esm.client.readConfig(access, externalPlantId));
    return json(presentPlantConfig(config));
  },
});

export const updatePlantConfigRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/{plantId}/config',
  operationId: 'updatePlantConfig',
  summary: 'Send a plant configuration to the ESM',
  description: `It is sent once. ${AFTERWARDS}`,
  tag: 'Plants',
  capability: 'plant-config:write',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: updatePlantConfigBody,
  responses: { 200: { description: 'Entry of this request in the config log.', schema: configLogEntry } },
  handler: (request, ctx: ApiContext) => sent(request, ctx, request.body.validateOnly),
});

export const validatePlantConfigRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/plants/{plantId}/config/validate',
  operationId: 'validatePlantConfig',
  summary: 'Dry run of a plant configuration',
  description: `The body of the update; whatever it says of validateOnly, nothing is changed. ${AFTERWARDS}`,
  tag: 'Plants',
  capability: 'plant-config:write',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: noParameters,
  body: updatePlantConfigBody,
  responses: { 200: { description: 'Entry of this request in the config log.', schema: triedConfigLogEntry } },
  handler: (request, ctx: ApiContext) => sent(request, ctx, true),
});

type ConfigRequest = ParsedRequest<z.output<typeof plantPath>, unknown, UpdatePlantConfigBody>;

const userId = z.guid().toLowerCase();

async function sent(request: ConfigRequest, ctx: ApiContext, validateOnly: boolean): Promise<TextReply> {
  const plant = await linkedPlant(request, ctx);
  const { timeConfigs } = request.body;
  const by = actorOf(request.principal);
  const requestedBy = userId.safeParse(by).data ?? null;
  const entry = await answeredByEsm(sendPlantConfig(ctx.esm, { ...plant, timeConfigs, validateOnly, by, requestedBy }));
  return json(presentConfigLogEntry(entry));
}
