import {
  exportConnectionLimitsQuery,
  listConnectionLimitsQuery,
  listConnectionLimitsResponse,
  MAX_INVERTER_LIMIT_DAYS,
  siteInverterPath,
} from '@quarterhour/contracts';
import { hasInverter } from '@quarterhour/db';
import { assetSurface, noBody, NotFoundError, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { PAGE_HEADERS } from '../agreed-list.js';
import { limitsExport, limitsPage, type LimitedThing } from '../connection-limits.js';

export const listSiteInverterLimitsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/sites/{site_id}/inverters/{inverter_id}/limits',
  operationId: 'listSiteInverterLimits',
  summary: 'List limits of an inverter',
  description: `By start_time. The window spans at most ${MAX_INVERTER_LIMIT_DAYS} days.`,
  tag: 'Sites',
  capability: 'periods:read',
  params: siteInverterPath,
  query: listConnectionLimitsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of limits.', schema: listConnectionLimitsResponse, headers: PAGE_HEADERS },
  },
  handler: (request, ctx: ApiContext) => limitsPage(request, ctx, inverterOf(request.params)),
  exports: {
    query: exportConnectionLimitsQuery,
    handler: (request, ctx: ApiContext, format) => limitsExport(request, ctx, format, inverterOf(request.params)),
  },
});

function inverterOf({ site_id, inverter_id: id }: { site_id: string; inverter_id: string }): LimitedThing {
  return {
    operationId: 'listSiteInverterLimits',
    of: 'inverter',
    id,
    days: MAX_INVERTER_LIMIT_DAYS,
    assertThere: async (trx) => {
      if (!(await hasInverter(trx, { id, connectionPointId: site_id }))) throw new NotFoundError('inverter');
    },
  };
}
