import { assetSitePath } from '@quarterhour/contracts';
import { assetSurface, noBody, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { deleteSite } from '../sites.js';
import { writing } from '../writing.js';

export const deleteSiteRoute = route({
  surface: assetSurface,
  method: 'delete',
  path: '/sites/{site_id}',
  operationId: 'deleteSite',
  summary: 'Remove a site',
  description: 'Its inverters and all their limits go with it; assets stay.',
  tag: 'Sites',
  capability: 'registry:write',
  changes: 'getSite',
  params: assetSitePath,
  query: noParameters,
  body: noBody,
  responses: { 204: DONE },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, 'site', async (written) => {
      const { params, precondition } = request;
      await deleteSite(written, { id: params.site_id, precondition });
      return noContent();
    }),
});
