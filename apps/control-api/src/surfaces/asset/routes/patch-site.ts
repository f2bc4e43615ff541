import { assetSitePath, patchSiteBody } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { changeSite } from '../sites.js';
import { writing } from '../writing.js';

export const patchSiteRoute = route({
  surface: assetSurface,
  method: 'patch',
  path: '/sites/{site_id}',
  operationId: 'patchSite',
  summary: 'Change some fields of a site',
  description: 'What is left out, or null, stays. What its id is made from never changes.',
  tag: 'Sites',
  capability: 'registry:write',
  changes: 'getSite',
  params: assetSitePath,
  query: noParameters,
  body: patchSiteBody,
  responses: { 204: DONE },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, 'site', async (written) => {
      const { params, body, precondition } = request;
      await changeSite(written, { id: params.site_id, body, precondition });
      return noContent();
    }),
});
