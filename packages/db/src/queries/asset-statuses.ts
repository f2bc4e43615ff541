import { isDeepStrictEqual } from 'node:util';
import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { objectText, queryPage } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';
import { keepVersions, prepareVersions, type VersionVerdict } from './keep-versions.js';
import { insertReceipts } from './receipts.js';
import { versionedTable } from './versioned-table.js';

/** How an asset is from an instant on. */
export interface NewAssetStatus {
  readonly orgId: string;
  readonly assetId: string;
  readonly effectiveAt: UtcInstant;
  readonly status: string;
  /** A JSON array of objects with category, detail, source and attributes. */
  readonly reasons: string;
  readonly messageId: string;
  readonly publishedAt: UtcInstant;
  /** When it first came, if it was parked before it is stored; else null. */
  readonly arrivedAt: UtcInstant | null;
  /** SHA-256 of the canonical content, in hexadecimal. */
  readonly contentSha256: string;
  /** The message as it arrived, for the receipt. */
  readonly body: Buffer;
}

const STREAM = 'asset-status';

type StatusVersion = Omit<NewAssetStatus, 'body'>;

const STATUSES = versionedTable<StatusVersion>({
  table: 'asset_status',
  key: [
    { name: 'org_id', field: 'orgId', type: 'uuid', of: (row) => row.orgId },
    { name: 'asset_id', field: 'assetId', type: 'text', of: (row) => row.assetId },
    { name: 'effective_at', field: 'effectiveAt', type: 'timestamptz', of: (row) => row.effectiveAt },
  ],
  content: [
    { name: 'status', field: 'status', type: 'text', of: (row) => row.status },
    { name: 'reasons', field: 'reasons', type: 'jsonb', of: (row) => row.reasons },
  ],
  provenance: [
    { name: 'message_id', field: 'messageId', type: 'text', of: (row) => row.messageId },
    { name: 'published_at', field: 'publishedAt', type: 'timestamptz', of: (row) => row.publishedAt },
    { name: 'content_sha256', field: 'contentSha256', type: 'bytea', of: (row) => row.contentSha256 },
    { name: 'arrived_at', field: 'arrivedAt', type: 'timestamptz', of: (row) => row.arrivedAt },
  ],
  keyOf: (row) => `${row.orgId} ${row.assetId} ${row.effectiveAt}`,
  hasSameContent: (left, right) =>
    left.status === right.status &&
    (left.reasons === right.reasons || isDeepStrictEqual(JSON.parse(left.reasons), JSON.parse(right.reasons))),
});

/**
 * Stores statuses and their corrections, see {@link keepVersions}, and a receipt of each message.
 *
 * @param rows of one organisation, in the order of their arrival; keys may repeat
 * @param receivedAt the organisation's `known_at` of this transaction, from {@link raiseKnownAt}
 * @returns a verdict per row, in the order of `rows`
 */
export async function insertAssetStatuses(
  trx: Trx,
  rows: readonly NewAssetStatus[],
  receivedAt: UtcInstant,
): Promise<VersionVerdict[]> {
  const versions = rows.map(({ body, ...version }): StatusVersion => version);
  const verdicts = await keepVersions(prepareVersions(versions, STATUSES), receivedAt, STATUSES.within(trx));
  const receivable = rows.map(({ orgId, messageId, contentSha256, body }) => {
    return { orgId, messageId, body, receivedAt, contentSha256: Buffer.from(contentSha256, 'hex') };
  });
  insertReceipts(trx, STREAM, receivable, verdicts);
  return verdicts;
}

/** Columns that a projection of statuses may show. */
export type AssetStatusColumn = (typeof COLUMNS)[number];

const COLUMNS = ['asset_id', 'status', 'effective_at', 'reasons', 'received_at'] as const;

/** Where a page of statuses ended. */
export interface AssetStatusKey {
  readonly effectiveAt: UtcInstant;
  readonly assetId: string;
}

/** Which statuses, and which page of them. */
export interface AssetStatusQuery {
  /** Ids that nobody ever had contribute nothing. */
  readonly assetIds: readonly string[];
  /** Half-open span `[from, to)` of `effective_at`. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** Keeps entries with one of these; of the newest ones, after they were picked. */
  readonly statuses?: readonly string[];
  /** Only the newest of each asset, by asset id; else all, by `effective_at`, then asset id. */
  readonly isLatest: boolean;
  /** Starts after this row. */
  readonly after?: AssetStatusKey;
  /** As it was known at this instant; left out: as it is known now, without a look at displaced versions. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
  readonly offset: number;
}

/** One page of statuses, in one statement. */
export function listAssetStatuses(
  trx: Trx,
  query: AssetStatusQuery,
  projection: Projection<AssetStatusColumn>,
): Promise<Page<AssetStatusKey>> {
  return queryPage(trx, statusSource(query, projection));
}

/** All statuses of a query, part by part. */
export function exportAssetStatuses(
  query: Omit<AssetStatusQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<AssetStatusColumn>,
  format: LineFormat,
): LinesReader<AssetStatusKey> {
  return (trx, after, limit) =>
    queryLines(trx, statusSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const STATUS_KEY: KeyColumns<AssetStatusKey> = {
  effectiveAt: { column: 'effective_at', as: 'instant' },
  assetId: { column: 'asset_id', as: 'text' },
};

function statusSource(
  query: AssetStatusQuery,
  projection: Projection<AssetStatusColumn>,
): PageSource<AssetStatusKey, AssetStatusColumn> {
  const parameters = new StatementParameters();
  const reach = `${parameters.bind(query.offset + query.limit + 1)}::int8`;
  const offset = `${parameters.bind(query.offset)}::int8`;
  const rows = query.isLatest ? latestRows(query, parameters) : allRows(query, reach, parameters);
  const order = query.isLatest ? 's.asset_id' : 's.effective_at, s.asset_id';
  return {
    rows: `${rows} order by ${order} limit ${reach} offset ${offset}`,
    parameters,
    projection,
    key: STATUS_KEY,
    limit: query.limit,
    isAgreed: true,
  };
}

function allRows(query: AssetStatusQuery, reach: string, parameters: StatementParameters): string {
  const { statuses, after } = query;
  const conditions = windowConditions(query, parameters);
  if (statuses !== undefined) conditions.push(`t.status = any (${parameters.bind(textArray(statuses))}::text[])`);
  if (after !== undefined) {
    const at = `${parameters.bind(after.effectiveAt)}::timestamptz`;
    conditions.push(`t.effective_at >= ${at}`);
    conditions.push(`(t.effective_at, t.asset_id) > (${at}, ${parameters.bind(after.assetId)})`);
  }
  return ofEachAsset(query, { conditions, order: 't.effective_at', most: reach, of: '' }, parameters);
}

function latestRows(query: AssetStatusQuery, parameters: StatementParameters): string {
  const { statuses, after } = query;
  const conditions = windowConditions(query, parameters);
  const of = after === undefined ? '' : `where a.asset_id > ${parameters.bind(after.assetId)}`;
  const rows = ofEachAsset(query, { conditions, order: 't.effective_at desc', most: '1', of }, parameters);
  if (statuses === undefined) return rows;
  return `select s.* from (${rows}) s where s.status = any (${parameters.bind(textArray(statuses))}::text[])`;
}

function windowConditions({ from, to }: AssetStatusQuery, parameters: StatementParameters): string[] {
  return [
    ...(from === undefined ? [] : [`t.effective_at >= ${parameters.bind(from)}::timestamptz`]),
    ...(to === undefined ? [] : [`t.effective_at < ${parameters.bind(to)}::timestamptz`]),
  ];
}

interface OfOneAsset {
  readonly conditions: readonly string[];
  readonly order: string;
  readonly most: string;
}

/**
 * Found by whose an asset is or was: statuses outlive their asset.
 *
 * @param of leaves out assets as a whole
 */
function ofEachAsset(
  { assetIds, knownAt }: AssetStatusQuery,
  { of, ...rows }: OfOneAsset & { readonly of: string },
  parameters: StatementParameters,
): string {
  const assets = parameters.bind(textArray([...new Set(assetIds)]));
  return `
    select s.* from unnest(${assets}::text[]) as wanted (asset_id)
    join app.asset_owner a on a.asset_id = wanted.asset_id
    cross join lateral (${knownRows(knownAt, rows, parameters)}) s ${of}`;
}

/** Rows of the asset `a`: those that stand, and with a bound those that stood then. */
function knownRows(
  knownAt: UtcInstant | undefined,
  { conditions, order, most }: OfOneAsset,
  parameters: StatementParameters,
): string {
  const rowsOf = (table: string, ...known: readonly string[]): string => `
    (select ${COLUMNS.map((name) => `t.${name}`).join(', ')} from app.${table} t
      where ${['t.org_id = a.org_id', 't.asset_id = a.asset_id', ...known, ...conditions].join(' and ')}
      order by ${order} limit ${most})`;
  if (knownAt === undefined) return rowsOf('asset_status');
  const bound = `${parameters.bind(knownAt)}::timestamptz`;
  const standing = rowsOf('asset_status', `t.received_at <= ${bound}`);
  const displaced = rowsOf('asset_status_history', `t.received_at <= ${bound}`, `t.displaced_at > ${bound}`);
  return `select t.* from (${standing} union all ${displaced}) t order by ${order} limit ${most}`;
}

/** The newest status of an asset, as it was known. */
export interface FoundStatus {
  /** As a JSON object; null when it had none yet. */
  readonly json: string | null;
}

/**
 * The newest status of an asset; null when there is no such asset in scope.
 *
 * @param isOfThePast whether what was known earlier is asked for: then the asset may be gone by now
 */
export async function findAssetStatus(
  trx: Trx,
  { assetId, knownAt, isOfThePast }: { assetId: string; knownAt: UtcInstant; isOfThePast: boolean },
  projection: Projection<AssetStatusColumn>,
): Promise<FoundStatus | null> {
  const parameters = new StatementParameters(assetId);
  const order = { conditions: [], order: 't.effective_at desc', most: '1' };
  const text = `
    select case when s.asset_id is not null then ${objectText(projection, 's')} end as json
    from ${isOfThePast ? 'app.asset_owner' : '(select org_id, id as asset_id from app.asset)'} a
    left join lateral (${knownRows(knownAt, order, parameters)}) s on true
    where a.asset_id = $1`;
  const [found] = await trx.query<FoundStatus>(prepared(text, parameters.values));
  return found ?? null;
}
