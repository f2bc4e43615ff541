import type { EnergyMove, ReadingQuality, UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import { knownRows, wantedAssets, type AssetList } from './agreed-rows.js';
import { keepAgreed, type AgreedTable, type Stamping, type Written } from './agreed-table.js';

/** How much energy an asset's store was read to hold at an instant. */
export interface StateSnapshot {
  readonly assetId: string;
  readonly effectiveAt: UtcInstant;
  /** Canonical decimal. */
  readonly storedEnergyMwh: string;
  readonly readingQuality: ReadingQuality;
}

const TABLE: AgreedTable<StateSnapshot> = {
  table: 'state_snapshot',
  key: [
    { name: 'asset_id', type: 'text', of: ({ assetId }) => assetId },
    { name: 'effective_at', type: 'timestamptz', of: ({ effectiveAt }) => effectiveAt },
  ],
  content: [
    { name: 'stored_energy_mwh', type: 'numeric', of: ({ storedEnergyMwh }) => storedEnergyMwh },
    { name: 'reading_quality', type: 'text', of: ({ readingQuality }) => readingQuality },
  ],
};

/** Stores snapshots over those of the same asset and instant. @param snapshots of distinct assets and instants */
export function keepSnapshots(trx: Trx, snapshots: readonly StateSnapshot[], stamping: Stamping): Promise<Written> {
  return keepAgreed(trx, TABLE, snapshots, stamping);
}

/** Columns that a projection of snapshots as they are stored may show. */
export type StoredSnapshotColumn = (typeof STORED_COLUMNS)[number];

/**
 * Columns that a projection of snapshots in their order may show: also what came into the store, or left it, since the last
 * snapshot before that was not invalid. Null where there is none, and where the snapshot itself is invalid.
 */
export type StateSnapshotColumn = StoredSnapshotColumn | 'charged_energy_mwh' | 'discharged_energy_mwh';

const STORED_COLUMNS = [
  'asset_id',
  'effective_at',
  'stored_energy_mwh',
  'reading_quality',
  'created_at',
  'updated_at',
] as const;

const ALL_COLUMNS = ['org_id', ...STORED_COLUMNS].map((column) => `t.${column}`).join(', ');

/**
 * Some snapshots as they stand, rendered in the order in which they are named. Each is looked up by itself, which the limit of
 * one makes sure of: joined with the table, all that the organisation has would be read while nobody knows how much that is.
 */
export async function readSnapshots(
  trx: Trx,
  orgId: string,
  snapshots: readonly Pick<StateSnapshot, 'assetId' | 'effectiveAt'>[],
  projection: Projection<StoredSnapshotColumn>,
): Promise<string> {
  const parameters = new StatementParameters();
  const organisation = `${parameters.bind(orgId)}::uuid`;
  const assets = `${parameters.bind(textArray(snapshots.map(({ assetId }) => assetId)))}::text[]`;
  const instants = `${parameters.bind(plainArray(snapshots.map(({ effectiveAt }) => effectiveAt)))}::timestamptz[]`;
  const rows = `
    select found.* from unnest(${assets}, ${instants}) with ordinality as o (asset_id, effective_at, n)
    cross join lateral (
      select ${ALL_COLUMNS} from app.state_snapshot t
       where t.org_id = ${organisation} and t.asset_id = o.asset_id and t.effective_at = o.effective_at limit 1) found
    order by o.n`;
  const page = await queryPage(trx, { rows, parameters, projection, key: LATEST_KEY, limit: snapshots.length });
  return page.json;
}

/** Where a page of snapshots ended. */
export interface SnapshotKey {
  readonly effectiveAt: UtcInstant;
  readonly assetId: string;
}

/** Which snapshots, and which page of them: by instant, then asset. */
export interface SnapshotQuery extends AssetList {
  /** Starts after this row. */
  readonly after?: SnapshotKey;
}

/** One page of snapshots, in one statement. */
export function listSnapshots(
  trx: Trx,
  query: SnapshotQuery,
  projection: Projection<StateSnapshotColumn>,
): Promise<Page<SnapshotKey>> {
  return queryPage(trx, { ...snapshotSource(query, projection), isAgreed: true });
}

/** All snapshots of a query, part by part. */
export function exportSnapshots(
  query: Omit<SnapshotQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<StateSnapshotColumn>,
  format: LineFormat,
): LinesReader<SnapshotKey> {
  return (trx, after, limit) =>
    queryLines(trx, snapshotSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const KEY: KeyColumns<SnapshotKey> = {
  effectiveAt: { column: 'effective_at', as: 'instant' },
  assetId: { column: 'asset_id', as: 'text' },
};

/** Each asset contributes its own first rows; what stands before a row is looked up for those of the page only. */
function snapshotSource(
  query: SnapshotQuery,
  projection: Projection<StateSnapshotColumn>,
): PageSource<SnapshotKey, StateSnapshotColumn> {
  const { order, limit, offset, after } = query;
  const parameters = new StatementParameters();
  const knownAt = instantOf(query.knownAt, parameters);
  const reach = `${parameters.bind(offset + limit + 1)}::int8`;
  const rowsOfAsset = knownRows({
    table: 'state_snapshot',
    columns: ALL_COLUMNS,
    conditions: [
      ...OF_WANTED,
      ...within(query, parameters),
      ...(after === undefined ? [] : beyond(after, order, parameters)),
    ],
    knownAt,
    ending: `order by effective_at ${order} limit ${reach}`,
  });
  const before = knownRows({
    table: 'state_snapshot',
    columns: 't.effective_at, t.stored_energy_mwh',
    conditions: [
      't.org_id = page.org_id',
      't.asset_id = page.asset_id',
      't.effective_at < page.effective_at',
      IS_USABLE,
    ],
    knownAt,
    ending: 'order by effective_at desc limit 1',
  });
  const rows = `
    select page.*, moved.*
    from (
      select r.* from ${wantedAssets(query, undefined, parameters)} cross join lateral (${rowsOfAsset}) r
      order by r.effective_at ${order}, r.asset_id ${order}
      limit ${reach} offset ${parameters.bind(offset)}::int8) page
    left join lateral (
      select greatest(page.stored_energy_mwh - before.stored_energy_mwh, 0) as charged_energy_mwh,
        greatest(before.stored_energy_mwh - page.stored_energy_mwh, 0) as discharged_energy_mwh
      from (${before}) before) moved on page.reading_quality <> 'INVALID'
    order by page.effective_at ${order}, page.asset_id ${order}`;
  return { rows, parameters, projection, key: KEY, limit };
}

const OF_WANTED = ['t.org_id = wanted.org_id', 't.asset_id = wanted.asset_id'];
const IS_USABLE = `t.reading_quality <> 'INVALID'`;

function instantOf(instant: UtcInstant | undefined, parameters: StatementParameters): string | null {
  return instant === undefined ? null : `${parameters.bind(instant)}::timestamptz`;
}

function within({ from, to }: Pick<SnapshotQuery, 'from' | 'to'>, parameters: StatementParameters): string[] {
  return [
    `t.effective_at >= ${parameters.bind(from)}::timestamptz`,
    `t.effective_at < ${parameters.bind(to)}::timestamptz`,
  ];
}

/** The first condition is what the index can seek; the second leaves out rows of the same instant. */
function beyond(
  { effectiveAt, assetId }: SnapshotKey,
  order: 'asc' | 'desc',
  parameters: StatementParameters,
): string[] {
  const comparison = order === 'asc' ? '>' : '<';
  const instant = `${parameters.bind(effectiveAt)}::timestamptz`;
  return [
    `t.effective_at ${comparison}= ${instant}`,
    `(t.effective_at, t.asset_id) ${comparison} (${instant}, ${parameters.bind(assetId)}::text)`,
  ];
}

/** What moved in all snapshots of a window, whatever page of them is looked at. */
export async function totalMoves(
  trx: Trx,
  query: Pick<SnapshotQuery, 'assetIds' | 'from' | 'to' | 'knownAt'>,
): Promise<EnergyMove> {
  const parameters = new StatementParameters();
  const knownAt = instantOf(query.knownAt, parameters);
  const columns = 't.asset_id, t.effective_at, t.stored_energy_mwh';
  const [first, end] = within(query, parameters);
  const inWindow = knownRows({
    table: 'state_snapshot',
    columns,
    conditions: [...OF_WANTED, `${first}`, `${end}`, IS_USABLE],
    knownAt,
  });
  const lastBefore = knownRows({
    table: 'state_snapshot',
    columns,
    conditions: [...OF_WANTED, `not (${first})`, IS_USABLE],
    knownAt,
    ending: 'order by effective_at desc limit 1',
  });
  const text = `
    select trim_scale(coalesce(sum(greatest(change, 0)), 0))::text as "chargedMwh",
      trim_scale(coalesce(sum(greatest(- change, 0)), 0))::text as "dischargedMwh"
    from (
      select r.stored_energy_mwh
        - lag(r.stored_energy_mwh) over (partition by r.asset_id order by r.effective_at) as change
      from ${wantedAssets({ ...query, order: 'asc' }, undefined, parameters)}
      cross join lateral ((${inWindow}) union all (${lastBefore})) r) moved`;
  const [moves] = await trx.query<EnergyMove>(prepared(text, parameters.values));
  if (moves === undefined) throw new Error('moves were added up without an answer');
  return moves;
}

/** Which assets' newest snapshots, and which page of them: by asset. */
export interface LatestSnapshotQuery extends Pick<
  SnapshotQuery,
  'assetIds' | 'order' | 'knownAt' | 'limit' | 'offset'
> {
  /** Starts after this asset. */
  readonly after?: Pick<SnapshotKey, 'assetId'>;
}

/** The newest snapshot of each asset, in one statement. */
export function listLatestSnapshots(
  trx: Trx,
  query: LatestSnapshotQuery,
  projection: Projection<StoredSnapshotColumn>,
): Promise<Page<Pick<SnapshotKey, 'assetId'>>> {
  return queryPage(trx, { ...latestSource(query, projection), isAgreed: true });
}

/** The newest snapshot of each asset, part by part. */
export function exportLatestSnapshots(
  query: Omit<LatestSnapshotQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<StoredSnapshotColumn>,
  format: LineFormat,
): LinesReader<Pick<SnapshotKey, 'assetId'>> {
  return (trx, after, limit) =>
    queryLines(trx, latestSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const LATEST_KEY: KeyColumns<Pick<SnapshotKey, 'assetId'>> = { assetId: { column: 'asset_id', as: 'text' } };

function latestSource(
  query: LatestSnapshotQuery,
  projection: Projection<StoredSnapshotColumn>,
): PageSource<Pick<SnapshotKey, 'assetId'>, StoredSnapshotColumn> {
  const { order, limit, offset, after } = query;
  const parameters = new StatementParameters();
  const newest = knownRows({
    table: 'state_snapshot',
    columns: ALL_COLUMNS,
    conditions: [
      ...OF_WANTED,
      ...(after === undefined ? [] : [`t.asset_id <> ${parameters.bind(after.assetId)}::text`]),
    ],
    knownAt: instantOf(query.knownAt, parameters),
    ending: 'order by effective_at desc limit 1',
  });
  const rows = `
    select r.* from ${wantedAssets(query, after, parameters)} cross join lateral (${newest}) r
    order by wanted.asset_id ${order} limit ${parameters.bind(limit + 1)}::int8 offset ${parameters.bind(offset)}::int8`;
  return { rows, parameters, projection, key: LATEST_KEY, limit };
}
