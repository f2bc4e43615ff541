import { assetSitePath, createInverterBody, siteInverter } from '@quarterhour/contracts';
import { assetSurface, createdText, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { MADE } from '../responses.js';
import { createInverter } from '../inverters.js';
import { writing } from '../writing.js';

export const createSiteInverterRoute = route({
  surface: assetSurface,
  method: 'post',
  path: '/sites/{site_id}/inverters',
  operationId: 'createSiteInverter',
  summary: 'Add an inverter to a site',
  tag: 'Sites',
  capability: 'registry:write',
  isRepeatable: true,
  params: assetSitePath,
  query: noParameters,
  body: createInverterBody,
  responses: { 201: { ...MADE, schema: siteInverter } },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, 'site', async (written) => {
      const { params, body } = request;
      return createdText(await createInverter(written, { siteId: params.site_id, body }));
    }),
});
