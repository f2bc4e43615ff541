import type { UtcInstant } from '@quarterhour/domain';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters } from '../statement.js';
import { assetTimeRows, type AssetList, type AssetTimeKey, type AssetTimeTable } from './agreed-rows.js';
import { keepAgreed, type AgreedTable, type Stamping, type Written } from './agreed-table.js';

/** What an asset is expected to produce and consume in a span. Decimals are canonical text. */
export interface Forecast {
  readonly assetId: string;
  readonly startTime: UtcInstant;
  readonly endTime: UtcInstant;
  /** Market-local calendar day of `startTime`, `YYYY-MM-DD`. */
  readonly deliveryDay: string;
  readonly generationMw: string | null;
  readonly consumptionMw: string | null;
  readonly importFeeEurPerMwh: string | null;
}

const TABLE: AgreedTable<Forecast> = {
  table: 'forecast',
  key: [
    { name: 'asset_id', type: 'text', of: ({ assetId }) => assetId },
    { name: 'start_time', type: 'timestamptz', of: ({ startTime }) => startTime },
  ],
  content: [
    { name: 'end_time', type: 'timestamptz', of: ({ endTime }) => endTime },
    { name: 'delivery_day', type: 'date', of: ({ deliveryDay }) => deliveryDay },
    { name: 'generation_mw', type: 'numeric', of: ({ generationMw }) => generationMw },
    { name: 'consumption_mw', type: 'numeric', of: ({ consumptionMw }) => consumptionMw },
    { name: 'import_fee_eur_per_mwh', type: 'numeric', of: ({ importFeeEurPerMwh }) => importFeeEurPerMwh },
  ],
};

/** Stores forecasts over those of the same asset and start. @param forecasts of distinct assets and starts */
export function keepForecasts(trx: Trx, forecasts: readonly Forecast[], stamping: Stamping): Promise<Written> {
  return keepAgreed(trx, TABLE, forecasts, stamping);
}

/** Columns that a projection of forecasts may show. */
export type ForecastColumn = (typeof COLUMNS)[number];

const COLUMNS = [
  'asset_id',
  'start_time',
  'end_time',
  'delivery_day',
  'generation_mw',
  'consumption_mw',
  'import_fee_eur_per_mwh',
  'created_at',
  'updated_at',
] as const;

/** Which forecasts, and which page of them. */
export interface ForecastQuery extends AssetList {
  /** Starts after this row. */
  readonly after?: AssetTimeKey;
}

/** One page of forecasts, in one statement. */
export function listForecasts(
  trx: Trx,
  query: ForecastQuery,
  projection: Projection<ForecastColumn>,
): Promise<Page<AssetTimeKey>> {
  return queryPage(trx, { ...forecastSource(query, projection), isAgreed: true });
}

/** All forecasts of a query, part by part. */
export function exportForecasts(
  query: Omit<ForecastQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<ForecastColumn>,
  format: LineFormat,
): LinesReader<AssetTimeKey> {
  return (trx, after, limit) =>
    queryLines(trx, forecastSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const KEY: KeyColumns<AssetTimeKey> = {
  assetId: { column: 'asset_id', as: 'text' },
  startTime: { column: 'start_time', as: 'instant' },
};
const ROWS: AssetTimeTable = { table: 'forecast', columns: COLUMNS, time: 'start_time', rest: [] };

function forecastSource(
  query: ForecastQuery,
  projection: Projection<ForecastColumn>,
): PageSource<AssetTimeKey, ForecastColumn> {
  const parameters = new StatementParameters();
  const rows = assetTimeRows(query, ROWS, parameters);
  return { rows, parameters, projection, key: KEY, limit: query.limit };
}
