import { dispatchPath, ownDispatch } from '@quarterhour/contracts';
import { getDispatch } from '@quarterhour/db';
import { json, noBody, noParameters, NotFoundError, ownSurface, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { presentDispatch } from '../present.js';

export const getDispatchRoute = route({
  surface: ownSurface,
  method: 'get',
  path: '/dispatches/{event_id}',
  operationId: 'getDispatch',
  summary: 'One dispatch command and what became of it',
  tag: 'Dispatches',
  capability: 'dispatches:read',
  answersOneResource: true,
  params: dispatchPath,
  query: noParameters,
  body: noBody,
  responses: {
    200: { description: 'The command, when it was stored, and every message that carried it.', schema: ownDispatch },
  },
  handler: async ({ params, scope }, { db }: ApiContext) => {
    const record = await db.read(scope.organisations, (trx) => getDispatch(trx, params.event_id));
    if (record === null) throw new NotFoundError('dispatch');
    return json(presentDispatch(record));
  },
});
