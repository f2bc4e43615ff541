import { assetSitePath, putConnectionLimitsBody } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { connectionLimitsOf, upsertConnectionLimits } from '../connection-limits.js';
import { lockedSite } from '../sites.js';
import { writing } from '../writing.js';

export const upsertSiteLimitsRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/sites/{site_id}/limits',
  operationId: 'upsertSiteLimits',
  summary: 'Keep limits of a site',
  description: 'One that begins at the same instant is replaced, others stay. Those of one request do not overlap.',
  tag: 'Sites',
  capability: 'periods:write',
  params: assetSitePath,
  query: noParameters,
  body: putConnectionLimitsBody,
  responses: { 204: DONE },
  handler: async (request, ctx: ApiContext) => {
    const { site_id: id } = request.params;
    const limits = connectionLimitsOf(request.body);
    return writing(ctx, request, 'site', async (written) => {
      await lockedSite(written, id);
      await upsertConnectionLimits(written, { of: 'connection-point', id }, limits);
      return noContent();
    });
  },
});
