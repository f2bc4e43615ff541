import { putForecastsBody } from '@quarterhour/contracts';
import { keepForecasts } from '@quarterhour/db';
import { canonicalDecimal } from '@quarterhour/domain';
import { assetSurface, noContent, noParameters, route } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { amountOf, auditBatch, BATCH_RESPONSES, distinct, entriesOf, placeOf, readAll } from '../batches.js';
import { knownAssets, writing } from '../writing.js';

export const putForecastsRoute = route({
  surface: assetSurface,
  method: 'put',
  path: '/forecasts',
  operationId: 'upsertForecasts',
  summary: 'Insert or overwrite forecasts',
  description: 'All values of a forecast are replaced, null included. All or nothing.',
  tag: 'Forecasts',
  capability: 'periods:write',
  params: noParameters,
  query: noParameters,
  body: putForecastsBody,
  responses: BATCH_RESPONSES,
  handler: (request, ctx: ApiContext) => {
    const { forecasts } = request.body;
    return writing(ctx, request, null, async (work) => {
      const ids = forecasts.map(({ asset_id }) => asset_id);
      const assets = await knownAssets(work, ids);
      const entries = entriesOf('forecasts', forecasts);
      const rows = readAll(entries, (sent) => ({
        ...placeOf(sent, assets),
        generationMw: amountOf(sent.generation),
        consumptionMw: amountOf(sent.consumption),
        importFeeEurPerMwh: feeOf(sent.import_from_grid_fee),
      }));
      const toKeep = distinct(entries, rows, ({ assetId, startTime }) => [assetId, startTime]);
      await auditBatch(work, 'forecast.store', ids, await keepForecasts(work.trx, toKeep, work));
      return noContent();
    });
  },
});

function feeOf(fee: string | null | undefined): string | null {
  return fee === null || fee === undefined ? null : canonicalDecimal(fee);
}
