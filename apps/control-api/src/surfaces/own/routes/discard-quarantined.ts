import { discardQuarantinedBody, discardResult, quarantinePath } from '@quarterhour/contracts';
import { json, noParameters, NotFoundError, ownSurface, route } from '@quarterhour/http';
import { discardDeliveries } from '@quarterhour/ingestion';
import type { ApiContext } from '../../../api-context.js';
import { decisionOf } from '../../../deciding.js';
import { presentDiscarded } from '../present.js';

export const discardQuarantinedRoute = route({
  surface: ownSurface,
  method: 'post',
  path: '/quarantine/{id}/discard',
  operationId: 'discardQuarantined',
  summary: 'Put one delivery aside for good',
  description: 'It stays readable, with who decided it, when and why. It is not taken in any more.',
  tag: 'Quarantine',
  capability: 'quarantine:decide',
  params: quarantinePath,
  query: noParameters,
  body: discardQuarantinedBody,
  responses: { 200: { description: 'What became of it.', schema: discardResult } },
  handler: async (request, ctx: ApiContext) => {
    const { because, dry_run: dryRun } = request.body;
    const [result] = await discardDeliveries(await decisionOf(request, ctx), [request.params.id], { because, dryRun });
    if (result === undefined) throw new NotFoundError('delivery');
    return json(presentDiscarded(result));
  },
});
