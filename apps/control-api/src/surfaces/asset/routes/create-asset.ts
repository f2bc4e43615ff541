import { assetOutput, createAssetBody } from '@quarterhour/contracts';
import { assetSurface, created, noParameters, presentAsset, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { registerAsset } from '../change-assets.js';
import { MADE } from '../responses.js';
import { writing } from '../writing.js';

export const createAssetRoute = route({
  surface: assetSurface,
  method: 'post',
  path: '/assets',
  operationId: 'createAsset',
  summary: 'Register an asset',
  description: 'Its id is made from region, delivery area, code and a number; the same code may be used again.',
  tag: 'Assets',
  capability: 'registry:write',
  isRepeatable: true,
  params: noParameters,
  query: noParameters,
  body: createAssetBody,
  responses: { 201: { ...MADE, schema: assetOutput } },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, null, async (write) => created(presentAsset(await registerAsset(write, request.body)))),
});
