import { quarantinePath, replayQuarantinedBody, replayResult } from '@quarterhour/contracts';
import { json, noParameters, NotFoundError, ownSurface, route } from '@quarterhour/http';
import { replayDeliveries } from '@quarterhour/ingestion';
import type { ApiContext } from '../../../api-context.js';
import { decisionOf } from '../../../deciding.js';
import { presentReplayed } from '../present.js';

export const replayQuarantinedRoute = route({
  surface: ownSurface,
  method: 'post',
  path: '/quarantine/{id}/replay',
  operationId: 'replayQuarantined',
  summary: 'Take one delivery in after all',
  description:
    'Its bytes go through the same reading and storing as on the first day. What still stands in the way is answered and kept as last_attempt; the delivery stays open then.',
  tag: 'Quarantine',
  capability: 'quarantine:decide',
  params: quarantinePath,
  query: noParameters,
  body: replayQuarantinedBody,
  responses: { 200: { description: 'What became of it.', schema: replayResult } },
  handler: async (request, ctx: ApiContext) => {
    const { params, body } = request;
    const [result] = await replayDeliveries(await decisionOf(request, ctx), [params.id], { dryRun: body.dry_run });
    if (result === undefined) throw new NotFoundError('delivery');
    return json(presentReplayed(result));
  },
});
