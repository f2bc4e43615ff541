import {
  assetSitePath,
  exportConnectionLimitsQuery,
  listConnectionLimitsQuery,
  listConnectionLimitsResponse,
  MAX_SITE_LIMIT_DAYS,
} from '@quarterhour/contracts';
import { hasConnectionPoint } from '@quarterhour/db';
import { assetSurface, noBody, NotFoundError, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { PAGE_HEADERS } from '../agreed-list.js';
import { limitsExport, limitsPage, type LimitedThing } from '../connection-limits.js';

export const listSiteLimitsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/sites/{site_id}/limits',
  operationId: 'listSiteLimits',
  summary: 'List limits of a site',
  description: `By start_time. The window spans at most ${MAX_SITE_LIMIT_DAYS} days.`,
  tag: 'Sites',
  capability: 'periods:read',
  params: assetSitePath,
  query: listConnectionLimitsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of limits.', schema: listConnectionLimitsResponse, headers: PAGE_HEADERS },
  },
  handler: (request, ctx: ApiContext) => limitsPage(request, ctx, siteOf(request.params.site_id)),
  exports: {
    query: exportConnectionLimitsQuery,
    handler: (request, ctx: ApiContext, format) => limitsExport(request, ctx, format, siteOf(request.params.site_id)),
  },
});

function siteOf(id: string): LimitedThing {
  return {
    operationId: 'listSiteLimits',
    of: 'connection-point',
    id,
    days: MAX_SITE_LIMIT_DAYS,
    assertThere: async (trx) => {
      if (!(await hasConnectionPoint(trx, id))) throw new NotFoundError('site');
    },
  };
}
