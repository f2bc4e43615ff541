import { quarantineDetail, quarantinePath } from '@quarterhour/contracts';
import { getQuarantined } from '@quarterhour/db';
import { json, noBody, noParameters, NotFoundError, ownSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { presentQuarantined } from '../present.js';

export const getQuarantinedRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/quarantine/{id}',
  operationId: 'getQuarantined',
  summary: 'One delivery that was set aside, with its bytes',
  tag: 'Quarantine',
  capability: 'quarantine:read',
  apiKeyScope: 'vcp:read',
  answersOneResource: true,
  params: quarantinePath,
  query: noParameters,
  body: noBody,
  responses: {
    200: { description: 'The delivery as it arrived, and why it was set aside.', schema: quarantineDetail },
  },
  handler: async ({ params, scope }, { db }: ApiContext) => {
    const record = await db.read(scope.organisations, (trx) => getQuarantined(trx, params.id));
    if (record === null) throw new NotFoundError('delivery');
    return json(presentQuarantined(record));
  },
});
