import { assetSite, assetSitePath } from '@quarterhour/contracts';
import { connectionPointText } from '@quarterhour/db';
import { assetSurface, jsonText, noBody, noParameters, NotFoundError, route, SITE_PROJECTION } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';

export const getSiteRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/sites/{site_id}',
  operationId: 'getSite',
  summary: 'Read one site with its inverters',
  tag: 'Sites',
  capability: 'registry:read',
  answersOneResource: true,
  params: assetSitePath,
  query: noParameters,
  body: noBody,
  responses: { 200: { description: 'The site.', schema: assetSite } },
  handler: async ({ params, scope }, { db }: ApiContext) => {
    const text = await db.read(scope.organisations, (trx) => connectionPointText(trx, params.site_id, SITE_PROJECTION));
    if (text === null) throw new NotFoundError('site');
    return jsonText(text);
  },
});
