import { listConfigLogQuery, listConfigLogResponse, plantPath } from '@quarterhour/contracts';
import { listConfigLog } from '@quarterhour/db';
import { noBody, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { plantLogReply } from '../plant-log.js';
import { CONFIG_LOG_PROJECTION } from '../present.js';

export const listConfigLogRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/config-log',
  operationId: 'listConfigLog',
  summary: 'Audit trail of configuration requests',
  tag: 'Plants',
  capability: 'plant-log:read',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: listConfigLogQuery,
  body: noBody,
  responses: {
    200: {
      description: 'One page, newest first.',
      schema: listConfigLogResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: (request, ctx: ApiContext) =>
    plantLogReply(request, ctx, (trx, page) => listConfigLog(trx, page, CONFIG_LOG_PROJECTION)),
});
