import { putSpecBody } from '@quarterhour/contracts';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { DONE, UNKNOWN_ASSET_RESPONSE } from '../responses.js';
import { specOf, upsertSpec } from '../upsert-spec.js';
import { writing } from '../writing.js';

export const upsertSpecRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/specs',
  operationId: 'upsertSpec',
  summary: "Keep a version of an asset's technical data",
  description:
    'Named by asset and valid_from. Of a version that is there, what is given changes; null keeps what it has. Without valid_to, the version that has none ends where this one begins. Versions do not overlap.',
  tag: 'Specs',
  capability: 'registry:write',
  params: noParameters,
  query: noParameters,
  body: putSpecBody,
  responses: { 204: DONE, ...UNKNOWN_ASSET_RESPONSE },
  handler: async (request, ctx: ApiContext) => {
    const { asset_id: assetId } = request.body;
    const offered = specOf(request.body);
    return writing(ctx, request, null, async (written) => {
      await upsertSpec(written, assetId, offered);
      return noContent();
    });
  },
});
