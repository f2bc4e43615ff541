import { siteInverterPath } from '@quarterhour/contracts';
import { assetSurface, noBody, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { deleteInverter } from '../inverters.js';
import { writing } from '../writing.js';

export const deleteSiteInverterRoute = route({
  surface: assetSurface,
  method: 'delete',
  path: '/sites/{site_id}/inverters/{inverter_id}',
  operationId: 'deleteSiteInverter',
  summary: 'Remove an inverter',
  description: 'Its limits go with it.',
  tag: 'Sites',
  capability: 'registry:write',
  params: siteInverterPath,
  query: noParameters,
  body: noBody,
  responses: { 204: DONE },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, 'inverter', async (written) => {
      const { site_id: connectionPointId, inverter_id: id } = request.params;
      await deleteInverter(written, { id, connectionPointId });
      return noContent();
    }),
});
