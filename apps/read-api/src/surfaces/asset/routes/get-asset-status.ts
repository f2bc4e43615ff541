import { assetPath, assetStatusEntry } from '@quarterhour/contracts';
import { findAssetStatus } from '@quarterhour/db';
import { assetSurface, jsonText, noBody, noParameters, NotFoundError, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { ASSET_STATUS_PROJECTION } from '../present.js';

export const getAssetStatusRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/assets/{asset_id}/status',
  operationId: 'getAssetStatus',
  summary: 'Read the newest status of one asset',
  tag: 'Assets',
  capability: 'registry:read',
  answersOneResource: true,
  params: assetPath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'The newest entry.', schema: assetStatusEntry } },
  handler: async ({ params, scope }, { db }: ApiContext) => {
    const found = await db.read(scope.organisations, (trx) =>
      findAssetStatus(trx, params.asset_id, ASSET_STATUS_PROJECTION),
    );
    if (found === null) throw new NotFoundError('asset');
    if (found.json === null) throw new NotFoundError('status', `The asset ${params.asset_id} has no status yet.`);
    return jsonText(found.json);
  },
});
