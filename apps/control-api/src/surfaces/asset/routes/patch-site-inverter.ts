import { patchInverterBody, siteInverterPath } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE } from '../responses.js';
import { patchInverter } from '../inverters.js';
import { writing } from '../writing.js';

export const patchSiteInverterRoute = route({
  surface: assetSurface,
  method: 'patch',
  path: '/sites/{site_id}/inverters/{inverter_id}',
  operationId: 'patchSiteInverter',
  summary: 'Change some fields of an inverter',
  description: 'What is left out, or null, stays. asset_ids replaces all that it lists.',
  tag: 'Sites',
  capability: 'registry:write',
  params: siteInverterPath,
  query: noParameters,
  body: patchInverterBody,
  responses: { 204: DONE },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, 'inverter', async (written) => {
      const { site_id: connectionPointId, inverter_id: id } = request.params;
      await patchInverter(written, { address: { id, connectionPointId }, body: request.body });
      return noContent();
    }),
});
