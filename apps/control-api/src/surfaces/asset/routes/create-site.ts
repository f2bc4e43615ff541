import { assetSite, createSiteBody } from '@quarterhour/contracts';
import { assetSurface, createdText, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { MADE } from '../responses.js';
import { createSite } from '../sites.js';
import { writing } from '../writing.js';

export const createSiteRoute = route({
  surface: assetSurface,
  method: 'post',
  path: '/sites',
  operationId: 'createSite',
  summary: 'Register a site',
  description:
    'Its id is made from region, delivery area and code, and the next number that was never used with these.',
  tag: 'Sites',
  capability: 'registry:write',
  isRepeatable: true,
  params: noParameters,
  query: noParameters,
  body: createSiteBody,
  responses: { 201: { ...MADE, schema: assetSite } },
  handler: (request, ctx: ApiContext) =>
    writing(ctx, request, null, async (written) => createdText(await createSite(written, request.body))),
});
