import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { StatementParameters } from '../statement.js';

/** Which versions of agreed rows, and which of them. */
export interface KnownRows {
  /** A table of agreed rows below `app`, read as `t`. */
  readonly table: string;
  /** What is selected, for example `t.source, t.created_at`. */
  readonly columns: string;
  readonly conditions: readonly string[];
  /** The placeholder of an instant; null for what is current. */
  readonly knownAt: string | null;
  /** Whether rows that are alike count once. Default false. */
  readonly isDistinct?: boolean;
  /** For example `order by start_time limit 1`, of selected columns. */
  readonly ending?: string;
}

/**
 * A select of agreed rows as they were known at an instant: of the current ones those that are as old, and those displaced
 * since.
 *
 * The history is not looked at when no organisation in scope has changed anything since then.
 */
export function knownRows({ table, columns, conditions, knownAt, isDistinct = false, ending = '' }: KnownRows): string {
  const select = isDistinct ? 'select distinct' : 'select';
  const rowsOf = (source: string, more: readonly string[]) =>
    `${select} ${columns} from app.${source} t where ${[...conditions, ...more].join(' and ')} ${ending}`;
  if (knownAt === null) return rowsOf(table, []);
  const current = rowsOf(table, [`t.updated_at <= ${knownAt}`]);
  const displaced = rowsOf(`${table}_history`, [
    `t.updated_at <= ${knownAt}`,
    `t.displaced_at > ${knownAt}`,
    `(select max(h.known_at) from app.org_head h) > ${knownAt}`,
  ]);
  return `${select} t.* from ((${current}) union all (${displaced})) t ${ending}`;
}

/** Which page of a list over assets. */
export interface AssetList {
  /** Ids that nobody has contribute nothing. */
  readonly assetIds: readonly string[];
  /** Half-open span `[from, to)` of the rows' time. */
  readonly from: UtcInstant;
  readonly to: UtcInstant;
  /** By asset, then time, then what else tells rows apart. */
  readonly order: 'asc' | 'desc';
  /** As it was known then; without it as it is. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
  readonly offset: number;
}

/** Where a page of a list by asset and time ended. */
export interface AssetTimeKey {
  readonly assetId: string;
  readonly startTime: UtcInstant;
}

/**
 * The assets of a list that a page may still show, each once, in order: `wanted (org_id, asset_id)`. Also those that are
 * gone from the register: what was agreed about them can still be asked for as it was known.
 */
export function wantedAssets(
  { assetIds, order }: Pick<AssetList, 'assetIds' | 'order'>,
  after: { readonly assetId: string } | undefined,
  parameters: StatementParameters,
): string {
  const isLeft = (id: string) => after === undefined || id === after.assetId || isBeyond(id, after.assetId, order);
  const ids = parameters.bind(textArray([...new Set(assetIds)].filter(isLeft)));
  return `(
    select a.org_id, a.asset_id from unnest(${ids}::text[]) as asked (asset_id)
    join app.asset_owner a on a.asset_id = asked.asset_id
    order by a.asset_id ${order}) as wanted`;
}

function isBeyond(id: string, last: string, order: AssetList['order']): boolean {
  return order === 'asc' ? id > last : id < last;
}

/** How rows of one asset are ordered: by their time, then by what tells rows of one time apart. */
export interface TimeOrder {
  readonly time: string;
  /** Columns of text, with the values of the row after which a page starts. */
  readonly rest: readonly { readonly column: string; readonly last: string | undefined }[];
}

/**
 * Conditions on rows `t` of one wanted asset: those of the window that come after a row.
 *
 * The bound of the time is what the index seeks to; the comparison of whole keys leaves out rows of the same time.
 */
export function windowConditions(
  { from, to, order }: Pick<AssetList, 'from' | 'to' | 'order'>,
  after: AssetTimeKey | undefined,
  { time, rest }: TimeOrder,
  parameters: StatementParameters,
): string[] {
  const instant = (value: UtcInstant) => `${parameters.bind(value)}::timestamptz`;
  const window = [`t.${time} >= ${instant(from)}`, `t.${time} < ${instant(to)}`];
  const ofAsset = ['t.org_id = wanted.org_id', 't.asset_id = wanted.asset_id', ...window];
  if (after === undefined) return ofAsset;

  const asset = `${parameters.bind(after.assetId)}::text`;
  const last = instant(after.startTime);
  const [comparison, farthest] = order === 'asc' ? ['>', '-infinity'] : ['<', 'infinity'];
  const columns = ['t.asset_id', `t.${time}`, ...rest.map(({ column }) => `t.${column}`)].join(', ');
  const values = [asset, last, ...rest.map((one) => `${parameters.bind(one.last)}::text`)].join(', ');
  return [
    ...ofAsset,
    `t.${time} ${comparison}= case when wanted.asset_id = ${asset} then ${last} else '${farthest}' end`,
    `(${columns}) ${comparison} (${values})`,
  ];
}

/** A table of agreed rows whose lists are ordered by asset, then time. */
export interface AssetTimeTable extends TimeOrder {
  readonly table: string;
  readonly columns: readonly string[];
}

/**
 * A select of the rows of a page and one more: assets in order, of each its rows straight from its key, and no asset is
 * looked at when those before it fill the page.
 */
export function assetTimeRows(
  list: AssetList & { readonly after?: AssetTimeKey },
  { table, columns, time, rest }: AssetTimeTable,
  parameters: StatementParameters,
  conditionsOf: readonly string[] = [],
): string {
  const { order, limit, offset, after } = list;
  const knownAt = list.knownAt === undefined ? null : `${parameters.bind(list.knownAt)}::timestamptz`;
  const reach = `${parameters.bind(offset + limit + 1)}::int8`;
  const places = [time, ...rest.map(({ column }) => column)];
  const rows = knownRows({
    table,
    columns: columns.map((column) => `t.${column}`).join(', '),
    conditions: [...windowConditions(list, after, { time, rest }, parameters), ...conditionsOf],
    knownAt,
    ending: `order by ${places.map((column) => `${column} ${order}`).join(', ')} limit ${reach}`,
  });
  return `
    select r.* from ${wantedAssets(list, after, parameters)} cross join lateral (${rows}) r
    order by wanted.asset_id ${order}, ${places.map((column) => `r.${column} ${order}`).join(', ')}
    limit ${reach} offset ${parameters.bind(offset)}::int8`;
}
