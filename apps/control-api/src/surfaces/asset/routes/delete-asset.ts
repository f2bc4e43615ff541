import { assetPath } from '@quarterhour/contracts';
import { assetSurface, noBody, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { removeAsset } from '../change-assets.js';
import { CONFLICT_RESPONSE, DONE } from '../responses.js';
import { writing } from '../writing.js';

export const deleteAssetRoute = route({
  surface: assetSurface,
  method: 'delete',
  path: '/assets/{asset_id}',
  operationId: 'deleteAsset',
  summary: 'Delete an asset that never began, or has ended',
  description: 'What was agreed about its periods goes with it; dispatches and statuses stay.',
  tag: 'Assets',
  capability: 'registry:write',
  changes: 'getAsset',
  params: assetPath,
  query: noParameters,
  body: noBody,
  responses: { 204: DONE, ...CONFLICT_RESPONSE },
  handler: (request, ctx: ApiContext) => {
    const { params, precondition } = request;
    return writing(ctx, request, 'asset', async (write) => {
      await removeAsset(write, { id: params.asset_id, precondition });
      return noContent();
    });
  },
});
