import { assetPath, assetStatusEntry, getAssetStatusQuery } from '@quarterhour/contracts';
import { findAssetStatus } from '@quarterhour/db';
import { assetSurface, jsonText, noBody, NotFoundError, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { agreedBound, KNOWN_AT_HEADER, saying } from '../../../marks.js';
import { ASSET_STATUS_PROJECTION } from '../present.js';

export const getAssetStatusRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/assets/{asset_id}/status',
  operationId: 'getAssetStatus',
  summary: 'Read the newest status of one asset',
  tag: 'Assets',
  capability: 'periods:read',
  answersOneResource: true,
  params: assetPath,
  query: getAssetStatusQuery,
  body: noBody,
  responses: { 200: { description: 'The newest entry.', schema: assetStatusEntry, headers: KNOWN_AT_HEADER } },
  handler: ({ params: { asset_id: assetId }, query, scope }, { db }: ApiContext) =>
    db.read(scope.organisations, async (trx) => {
      const knownAt = await agreedBound(trx, query, undefined);
      const asked = { assetId, knownAt, isOfThePast: query.as_of !== undefined };
      const found = await findAssetStatus(trx, asked, ASSET_STATUS_PROJECTION);
      if (found === null) throw new NotFoundError('asset');
      if (found.json === null) throw new NotFoundError('status', `The asset ${assetId} has no status yet.`);
      return jsonText(found.json, saying(knownAt));
    }),
});
