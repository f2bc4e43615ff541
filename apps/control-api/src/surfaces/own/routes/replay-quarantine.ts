import { replayQuarantineBody, replayQuarantineResponse } from '@quarterhour/contracts';
import { json, noParameters, ownSurface, route } from '@quarterhour/http';
import { replayDeliveries } from '@quarterhour/ingestion';
import type { ApiContext } from '../../../api-context.js';
import { decisionOf } from '../../../deciding.js';
import { presentAllReplayed } from '../present.js';

export const replayQuarantineRoute = route({
  surface: ownSurface,
  method: 'post',
  path: '/quarantine/replay',
  operationId: 'replayQuarantine',
  summary: 'Take deliveries in after all',
  description:
    'In the order in which they came. Each ends by itself: what is still at fault does not hold up the others.',
  tag: 'Quarantine',
  capability: 'quarantine:decide',
  params: noParameters,
  query: noParameters,
  body: replayQuarantineBody,
  responses: { 200: { description: 'What became of each.', schema: replayQuarantineResponse } },
  handler: async (request, ctx: ApiContext) => {
    const { ids, dry_run: dryRun } = request.body;
    const results = await replayDeliveries(await decisionOf(request, ctx), ids, { dryRun });
    return json(presentAllReplayed(ids, results));
  },
});
