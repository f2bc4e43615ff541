import { assetOutput, assetPath } from '@quarterhour/contracts';
import { findAsset } from '@quarterhour/db';
import { assetReply, assetSurface, noBody, noParameters, NotFoundError, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';

export const getAssetRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/assets/{asset_id}',
  operationId: 'getAsset',
  summary: 'Read one asset',
  tag: 'Assets',
  capability: 'registry:read',
  answersOneResource: true,
  params: assetPath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'The asset.', schema: assetOutput } },
  handler: async ({ params, scope }, { db }: ApiContext) => {
    const asset = await db.read(scope.organisations, (trx) => findAsset(trx, params.asset_id));
    if (asset === null) throw new NotFoundError('asset');
    return assetReply(asset);
  },
});
