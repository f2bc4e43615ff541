import { exportLimitsQuery, listLimitsQuery, listLimitsResponse, type ListLimitsQuery } from '@quarterhour/contracts';
import { exportLimits, headerLine, listLimits, type AssetTimeKey } from '@quarterhour/db';
import { assetSurface, noBody, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { requiredWindowOf } from '../../../query-instants.js';
import { answerExport, answerPage, PAGE_HEADERS, type AgreedList } from '../agreed-list.js';
import { assetTimeKeys } from '../asset-time-keys.js';
import { LIMIT_PROJECTION } from '../present.js';

export const listLimitsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/limits',
  operationId: 'listLimits',
  summary: 'List period limits with computed values',
  description:
    'One row for each delivery period of an asset: what holds when all sources are taken together, and what each of them says. Ordered by asset_id, then start_time.',
  tag: 'Limits',
  capability: 'periods:read',
  params: noParameters,
  query: listLimitsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of delivery periods.', schema: listLimitsResponse, headers: PAGE_HEADERS },
  },
  handler: (request, ctx: ApiContext) => answerPage(LIMITS, request, ctx),
  exports: {
    query: exportLimitsQuery,
    handler: (request, ctx: ApiContext, format) => answerExport(LIMITS, request, ctx, format),
  },
});

const LIMITS: AgreedList<Asked, ReturnType<typeof filterOf>, AssetTimeKey> = {
  operationId: 'listLimits',
  name: 'limits',
  filterOf,
  read: (trx, query) => listLimits(trx, query, LIMIT_PROJECTION),
  headerLine: (format) => headerLine(LIMIT_PROJECTION.ofPeriod, format),
  readLines: (query, format) => exportLimits(query, LIMIT_PROJECTION, format),
  ...assetTimeKeys,
};

type Asked = Omit<ListLimitsQuery, 'limit' | 'offset'>;

function filterOf({ asset_ids, sources, order, from, to }: Asked) {
  return {
    assetIds: asset_ids,
    ...requiredWindowOf({ from, to }),
    ...(sources === undefined ? {} : { sources }),
    order,
  };
}
