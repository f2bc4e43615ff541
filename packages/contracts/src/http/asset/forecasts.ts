import { z } from 'zod';
import { dateOutput, instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT } from '../paging.js';
import { decimalInput, idInput, powerInput } from './inputs.js';
import {
  asOfParameter,
  assetIdsParameter,
  cursorParameter,
  exportParameters,
  pageEcho,
  pageParameters,
  pageRules,
  windowParameters,
} from './list-query.js';
import { nullableDecimal, nullablePower, orderParameter, periodSpan, spanRules } from './periods.js';

/** What an asset is expected to do in a span. It replaces what was expected from the same start on, null included. */
export const forecastInput = z
  .strictObject({
    asset_id: idInput,
    ...periodSpan,
    generation: powerInput.nullish(),
    consumption: powerInput.nullish(),
    import_from_grid_fee: decimalInput.nullish().meta({ description: 'EUR/MWh.' }),
  })
  .superRefine(spanRules)
  .superRefine(({ generation = null, consumption = null }, ctx) => {
    if (generation !== null || consumption !== null) return;
    ctx.addIssue({
      code: 'custom',
      message: 'Say what is expected: generation, consumption, or both',
      params: { type: 'nothing_set', ctx: { fields: ['generation', 'consumption'] } },
    });
  })
  .meta({ id: 'ForecastIn' });

/** Body of `PUT /asset-api/v1/forecasts`. */
export const putForecastsBody = z
  .strictObject({ forecasts: z.array(forecastInput).min(1) })
  .meta({ id: 'PutForecastsRequest' });

const forecastFilters = {
  ...assetIdsParameter,
  ...windowParameters('start_time'),
  ...orderParameter('asset_id, then start_time'),
  ...asOfParameter,
  ...cursorParameter,
};

/** Query of `GET /asset-api/v1/forecasts`. */
export const listForecastsQuery = z.strictObject({ ...pageParameters, ...forecastFilters }).superRefine(pageRules);
export type ListForecastsQuery = z.output<typeof listForecastsQuery>;

/** The same for an export, which begins at its start or at a cursor. */
export const exportForecastsQuery = z.strictObject({ ...exportParameters, ...forecastFilters });

export const assetForecast = z
  .strictObject({
    asset_id: z.string().min(1).max(160),
    start_time: instantOutput,
    end_time: instantOutput,
    delivery_day: dateOutput.meta({ format: 'date', description: 'Market-local date of start_time.' }),
    generation: nullablePower,
    consumption: nullablePower,
    import_from_grid_fee: nullableDecimal.meta({ description: 'EUR/MWh.' }),
    created_at: instantOutput,
    updated_at: instantOutput,
  })
  .meta({ id: 'Forecast', description: 'What an asset is expected to produce and consume in a span.' });

/** One page of forecasts, ordered by `asset_id`, then `start_time`. Echoes `limit` and `offset`; has no total. */
export const listForecastsResponse = z
  .strictObject({ ...pageEcho, forecasts: z.array(assetForecast).max(MAX_PAGE_LIMIT) })
  .meta({ id: 'ForecastListResponse', description: 'One page of forecasts.' });
