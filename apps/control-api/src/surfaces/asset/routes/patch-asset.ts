import { assetPath, patchAssetBody } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { editAsset } from '../change-assets.js';
import { DONE } from '../responses.js';
import { writing } from '../writing.js';

export const patchAssetRoute = route({
  surface: assetSurface,
  method: 'patch',
  path: '/assets/{asset_id}',
  operationId: 'patchAsset',
  summary: 'Change some members of an asset',
  description: 'What is left out or null stays.',
  tag: 'Assets',
  capability: 'registry:write',
  changes: 'getAsset',
  params: assetPath,
  query: noParameters,
  body: patchAssetBody,
  responses: { 204: DONE },
  handler: (request, ctx: ApiContext) => {
    const { params, body, precondition } = request;
    return writing(ctx, request, 'asset', async (write) => {
      await editAsset(write, { id: params.asset_id, body, precondition });
      return noContent();
    });
  },
});
