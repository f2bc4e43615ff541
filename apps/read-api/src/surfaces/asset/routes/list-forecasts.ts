import {
  exportForecastsQuery,
  listForecastsQuery,
  listForecastsResponse,
  type ListForecastsQuery,
} from '@quarterhour/contracts';
import { exportForecasts, headerLine, listForecasts, type AssetTimeKey } from '@quarterhour/db';
import { assetSurface, noBody, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { requiredWindowOf } from '../../../query-instants.js';
import { answerExport, answerPage, PAGE_HEADERS, type AgreedList } from '../agreed-list.js';
import { assetTimeKeys } from '../asset-time-keys.js';
import { FORECAST_PROJECTION } from '../present.js';

export const listForecastsRoute = route({
  surface: assetSurface,
  method: 'get',
  path: '/forecasts',
  operationId: 'listForecasts',
  summary: 'List forecasts',
  description: 'Ordered by asset_id, then start_time.',
  tag: 'Forecasts',
  capability: 'periods:read',
  params: noParameters,
  query: listForecastsQuery,
  body: noBody,
  responses: {
    200: { description: 'One page of forecasts.', schema: listForecastsResponse, headers: PAGE_HEADERS },
  },
  handler: (request, ctx: ApiContext) => answerPage(FORECASTS, request, ctx),
  exports: {
    query: exportForecastsQuery,
    handler: (request, ctx: ApiContext, format) => answerExport(FORECASTS, request, ctx, format),
  },
});

const FORECASTS: AgreedList<Asked, ReturnType<typeof filterOf>, AssetTimeKey> = {
  operationId: 'listForecasts',
  name: 'forecasts',
  filterOf,
  read: (trx, query) => listForecasts(trx, query, FORECAST_PROJECTION),
  headerLine: (format) => headerLine(FORECAST_PROJECTION, format),
  readLines: (query, format) => exportForecasts(query, FORECAST_PROJECTION, format),
  ...assetTimeKeys,
};

type Asked = Omit<ListForecastsQuery, 'limit' | 'offset'>;

function filterOf({ asset_ids, order, from, to }: Asked) {
  return { assetIds: asset_ids, ...requiredWindowOf({ from, to }), order };
}
