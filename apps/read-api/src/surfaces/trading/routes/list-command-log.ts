import { COMMAND_TYPE_SPELLINGS, listCommandLogQuery, listCommandLogResponse, plantPath } from '@quarterhour/contracts';
import { listCommandLog } from '@quarterhour/db';
import { noBody, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { plantLogReply } from '../plant-log.js';
import { COMMAND_LOG_PROJECTION } from '../present.js';

export const listCommandLogRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/plants/{plantId}/command-log',
  operationId: 'listCommandLog',
  summary: 'Audit trail of relayed commands',
  tag: 'Plants',
  capability: 'plant-log:read',
  invalidCode: 'BAD_REQUEST',
  params: plantPath,
  query: listCommandLogQuery,
  spellings: COMMAND_TYPE_SPELLINGS,
  body: noBody,
  responses: {
    200: {
      description: 'One page, newest first.',
      schema: listCommandLogResponse,
      headers: { Link: 'The next page, as rel="next", relative; absent on the last.' },
    },
  },
  handler: (request, ctx: ApiContext) => {
    const { commandType } = request.query;
    const kind = commandType === undefined ? {} : { commandType };
    return plantLogReply(request, ctx, (trx, page) =>
      listCommandLog(trx, { ...page, ...kind }, COMMAND_LOG_PROJECTION),
    );
  },
});
