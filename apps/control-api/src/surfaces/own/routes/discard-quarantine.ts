import { discardQuarantineBody, discardQuarantineResponse } from '@quarterhour/contracts';
import { json, noParameters, ownSurface, route } from '@quarterhour/http';
import { discardDeliveries } from '@quarterhour/ingestion';
import type { ApiContext } from '../../../api-context.js';
import { decisionOf } from '../../../deciding.js';
import { presentAllDiscarded } from '../present.js';

export const discardQuarantineRoute = route({
  surface: ownSurface,
  method: 'post',
  path: '/quarantine/discard',
  operationId: 'discardQuarantine',
  summary: 'Put deliveries aside for good',
  description: 'They stay readable, with who decided it, when and why. They are not taken in any more.',
  tag: 'Quarantine',
  capability: 'quarantine:decide',
  params: noParameters,
  query: noParameters,
  body: discardQuarantineBody,
  responses: { 200: { description: 'What became of each.', schema: discardQuarantineResponse } },
  handler: async (request, ctx: ApiContext) => {
    const { ids, because, dry_run: dryRun } = request.body;
    const results = await discardDeliveries(await decisionOf(request, ctx), ids, { because, dryRun });
    return json(presentAllDiscarded(ids, results));
  },
});
