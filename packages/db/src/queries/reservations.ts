import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters } from '../statement.js';
import { assetTimeRows, type AssetList, type AssetTimeKey } from './agreed-rows.js';
import { keepAgreed, type AgreedTable, type Stamping, type Written } from './agreed-table.js';

/** What of an asset is spoken for on a market in a span: its net position there. Decimals are canonical text. */
export interface Reservation {
  readonly assetId: string;
  readonly startTime: UtcInstant;
  readonly endTime: UtcInstant;
  readonly market: string;
  readonly source: string;
  /** Market-local calendar day of `startTime`, `YYYY-MM-DD`. */
  readonly deliveryDay: string;
  readonly powerMw: string;
  readonly energyChangeMwh: string;
  readonly energyBufferLowMwh: string;
  readonly energyBufferHighMwh: string;
}

const TABLE: AgreedTable<Reservation> = {
  table: 'reservation',
  key: [
    { name: 'asset_id', type: 'text', of: ({ assetId }) => assetId },
    { name: 'start_time', type: 'timestamptz', of: ({ startTime }) => startTime },
    { name: 'market', type: 'text', of: ({ market }) => market },
    { name: 'source', type: 'text', of: ({ source }) => source },
  ],
  content: [
    { name: 'end_time', type: 'timestamptz', of: ({ endTime }) => endTime },
    { name: 'delivery_day', type: 'date', of: ({ deliveryDay }) => deliveryDay },
    { name: 'power_mw', type: 'numeric', of: ({ powerMw }) => powerMw },
    { name: 'energy_change_mwh', type: 'numeric', of: ({ energyChangeMwh }) => energyChangeMwh },
    { name: 'energy_buffer_low_mwh', type: 'numeric', of: ({ energyBufferLowMwh }) => energyBufferLowMwh },
    { name: 'energy_buffer_high_mwh', type: 'numeric', of: ({ energyBufferHighMwh }) => energyBufferHighMwh },
  ],
};

/** Stores reservations over those of the same key; others stay. @param reservations of distinct keys */
export function keepReservations(trx: Trx, reservations: readonly Reservation[], stamping: Stamping): Promise<Written> {
  return keepAgreed(trx, TABLE, reservations, stamping);
}

/** Columns that a projection of reservations may show. */
export type ReservationColumn = (typeof COLUMNS)[number];

const COLUMNS = [
  'asset_id',
  'start_time',
  'end_time',
  'delivery_day',
  'market',
  'source',
  'power_mw',
  'energy_change_mwh',
  'energy_buffer_low_mwh',
  'energy_buffer_high_mwh',
  'created_at',
  'updated_at',
] as const;

/** Where a page of reservations ended. */
export interface ReservationKey extends AssetTimeKey {
  readonly market: string;
  readonly source: string;
}

/** Which reservations, and which page of them. */
export interface ReservationQuery extends AssetList {
  readonly markets?: readonly string[];
  readonly sources?: readonly string[];
  /** Starts after this row. */
  readonly after?: ReservationKey;
}

/** One page of reservations, in one statement. */
export function listReservations(
  trx: Trx,
  query: ReservationQuery,
  projection: Projection<ReservationColumn>,
): Promise<Page<ReservationKey>> {
  return queryPage(trx, { ...reservationSource(query, projection), isAgreed: true });
}

/** All reservations of a query, part by part. */
export function exportReservations(
  query: Omit<ReservationQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<ReservationColumn>,
  format: LineFormat,
): LinesReader<ReservationKey> {
  return (trx, after, limit) =>
    queryLines(trx, reservationSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const KEY: KeyColumns<ReservationKey> = {
  assetId: { column: 'asset_id', as: 'text' },
  startTime: { column: 'start_time', as: 'instant' },
  market: { column: 'market', as: 'text' },
  source: { column: 'source', as: 'text' },
};

function reservationSource(
  query: ReservationQuery,
  projection: Projection<ReservationColumn>,
): PageSource<ReservationKey, ReservationColumn> {
  const { after, markets, sources, limit } = query;
  const parameters = new StatementParameters();
  const among = (column: string, values: readonly string[] | undefined) =>
    values === undefined ? [] : [`t.${column} = any (${parameters.bind(textArray(values))}::text[])`];
  const rest = [
    { column: 'market', last: after?.market },
    { column: 'source', last: after?.source },
  ];
  const rows = assetTimeRows(query, { table: 'reservation', columns: COLUMNS, time: 'start_time', rest }, parameters, [
    ...among('market', markets),
    ...among('source', sources),
  ]);
  return { rows, parameters, projection, key: KEY, limit };
}
