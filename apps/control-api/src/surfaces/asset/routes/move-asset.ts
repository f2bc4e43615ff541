import { assetPath } from '@quarterhour/contracts';
import { assetStep, type AssetAction } from '@quarterhour/domain';
import { assetSurface, noBody, noContent, noParameters, route, type Route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { moveAsset } from '../change-assets.js';
import { CONFLICT_RESPONSE, DONE } from '../responses.js';
import { writing } from '../writing.js';

export const commissionAssetRoute = moving('commission', 'commissionAsset');
export const goLiveAssetRoute = moving('go-live', 'goLiveAsset');
export const suspendAssetRoute = moving('suspend', 'suspendAsset');
export const resumeAssetRoute = moving('resume', 'resumeAsset');
export const decommissionAssetRoute = moving('decommission', 'decommissionAsset');

function moving(action: AssetAction, operationId: string): Route<ApiContext> {
  const { from, to, startsLife } = assetStep(action);
  return route({
    surface: assetSurface,
    method: 'post',
    path: `/assets/{asset_id}/actions/${action}`,
    operationId,
    summary: `From ${from} to ${to}`,
    ...(startsLife ? { description: 'Today, in UTC, becomes the date of going live if there is none.' } : {}),
    tag: 'Asset actions',
    capability: 'registry:write',
    changes: 'getAsset',
    isRepeatable: true,
    params: assetPath,
    query: noParameters,
    body: noBody,
    responses: { 204: DONE, ...CONFLICT_RESPONSE },
    handler: (request, ctx: ApiContext) => {
      const { params, precondition } = request;
      return writing(ctx, request, 'asset', async (write) => {
        await moveAsset(write, { id: params.asset_id, action, precondition });
        return noContent();
      });
    },
  });
}
