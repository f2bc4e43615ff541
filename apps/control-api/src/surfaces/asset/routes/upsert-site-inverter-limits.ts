import { putConnectionLimitsBody, siteInverterPath } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { connectionLimitsOf, upsertConnectionLimits } from '../connection-limits.js';
import { lockedInverter } from '../inverters.js';
import { writing } from '../writing.js';

export const upsertSiteInverterLimitsRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/sites/{site_id}/inverters/{inverter_id}/limits',
  operationId: 'upsertSiteInverterLimits',
  summary: 'Keep limits of an inverter',
  description: 'One that begins at the same instant is replaced, others stay. Those of one request do not overlap.',
  tag: 'Sites',
  capability: 'periods:write',
  params: siteInverterPath,
  query: noParameters,
  body: putConnectionLimitsBody,
  responses: { 204: DONE },
  handler: async (request, ctx: ApiContext) => {
    const { site_id: connectionPointId, inverter_id: id } = request.params;
    const limits = connectionLimitsOf(request.body);
    return writing(ctx, request, 'inverter', async (written) => {
      await lockedInverter(written, { id, connectionPointId });
      await upsertConnectionLimits(written, { of: 'inverter', id }, limits);
      return noContent();
    });
  },
});
