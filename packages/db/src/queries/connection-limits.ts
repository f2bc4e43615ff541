import { compareInstants, type UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import { queryPage, type KeyColumns, type Page, type PageSource, type Projection } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';

/** What limits what flows through: a connection point, or one of its inverters. */
export type LimitedKind = 'connection-point' | 'inverter';

const TABLES: Readonly<Record<LimitedKind, { readonly table: string; readonly owner: string }>> = {
  'connection-point': { table: 'app.connection_point_limit', owner: 'connection_point_id' },
  inverter: { table: 'app.inverter_limit', owner: 'inverter_id' },
};

/** Whose limits they are. */
export interface Limited {
  readonly orgId: string;
  readonly of: LimitedKind;
  readonly id: string;
}

/** The most that may be drawn and injected from an instant on, to another, in MW as canonical text. */
export interface ConnectionLimit {
  readonly startTime: UtcInstant;
  readonly endTime: UtcInstant;
  readonly maxImportMw: string;
  readonly maxExportMw: string;
}

/** What became of the limits that were given. */
export interface KeptLimits {
  readonly stored: number;
  /** Of those that stood already and say something else now. */
  readonly revised: number;
}

/**
 * Keeps limits: of a start that is known another content is kept instead, and the one before goes to the history. Others stay
 * as they are.
 *
 * @param limits of distinct starts
 * @param stamp the organisation's `known_at` of this transaction
 */
export async function keepConnectionLimits(
  trx: Trx,
  { orgId, of, id }: Limited,
  limits: readonly ConnectionLimit[],
  stamp: UtcInstant,
): Promise<KeptLimits> {
  const { insert, archive, replace } = STATEMENTS[of];
  const ordered = limits.toSorted((left, right) => compareInstants(left.startTime, right.startTime));
  const values = [
    orgId,
    id,
    plainArray(ordered.map(({ startTime }) => startTime)),
    plainArray(ordered.map(({ endTime }) => endTime)),
    plainArray(ordered.map(({ maxImportMw }) => maxImportMw)),
    plainArray(ordered.map(({ maxExportMw }) => maxExportMw)),
    stamp,
  ];
  const stored = (await trx.query(prepared(insert, values))).length;
  if (stored === limits.length) return { stored, revised: 0 };
  const displaced = await trx.query(prepared(archive, values));
  if (displaced.length > 0) await trx.query(prepared(replace, values));
  return { stored, revised: displaced.length };
}

/** Moves all limits of connection points or inverters to the history: they are about to be removed. */
export async function displaceConnectionLimits(
  trx: Trx,
  { orgId, of, ids }: Pick<Limited, 'orgId' | 'of'> & { readonly ids: readonly string[] },
  stamp: UtcInstant,
): Promise<void> {
  const { archiveAll, removeAll } = STATEMENTS[of];
  await trx.query(prepared(archiveAll, [orgId, textArray(ids), stamp]));
  await trx.query(prepared(removeAll, [orgId, textArray(ids)]));
}

const STATEMENTS = {
  'connection-point': statementsOf('connection-point'),
  inverter: statementsOf('inverter'),
} satisfies Record<LimitedKind, unknown>;

/**
 * What is archived is locked by that: nobody changes it before it is replaced. Each start is looked up by itself, which the limit
 * of one makes sure of: joined with the table, all that it has would be read while nobody knows how much that is.
 */
function statementsOf(of: LimitedKind) {
  const { table, owner } = TABLES[of];
  const columns = `org_id, ${owner}, start_time, end_time, max_import_mw, max_export_mw, received_at`;
  const offered = `unnest($3::timestamptz[], $4::timestamptz[], $5::numeric[], $6::numeric[])
    as o (start_time, end_time, max_import_mw, max_export_mw)`;
  const content = (row: string) => `(${row}.end_time, ${row}.max_import_mw, ${row}.max_export_mw)`;
  const differing = (selected: string) => `
    select ${selected} from ${table} s
     where s.org_id = $1::uuid and s.${owner} = $2 and s.start_time = o.start_time
       and ${content('s')} is distinct from ${content('o')} limit 1`;
  const ofAny = `t.org_id = $1::uuid and t.${owner} = any ($2::text[])`;
  return {
    insert: `
      insert into ${table} (${columns})
      select $1::uuid, $2, o.start_time, o.end_time, o.max_import_mw, o.max_export_mw, $7::timestamptz from ${offered}
      on conflict (org_id, ${owner}, start_time) do nothing
      returning 1 as kept`,
    archive: `
      with locked as (select t.* from ${offered} cross join lateral (${differing('s.*')} for update) t)
      insert into ${table}_history (${columns}, displaced_at)
      select ${columns}, $7::timestamptz from locked
      returning 1 as displaced`,
    replace: `
      update ${table} t
         set end_time = o.end_time, max_import_mw = o.max_import_mw, max_export_mw = o.max_export_mw,
           received_at = $7::timestamptz
        from ${offered} cross join lateral (${differing('s.ctid as place')}) found where t.ctid = found.place`,
    archiveAll: `
      insert into ${table}_history (${columns}, displaced_at)
      select ${columns}, $3::timestamptz from ${table} t where ${ofAny}`,
    removeAll: `delete from ${table} t where ${ofAny}`,
  };
}

/** Columns that a projection of limits may show. */
export type ConnectionLimitColumn = 'start_time' | 'end_time' | 'max_import_mw' | 'max_export_mw' | 'received_at';

/** Where a page of limits ended. */
export interface ConnectionLimitKey {
  readonly startTime: UtcInstant;
}

/** Which limits, and which page of them. */
export interface ConnectionLimitQuery {
  readonly of: LimitedKind;
  readonly id: string;
  /** Half-open span `[from, to)` of `startTime`. */
  readonly from: UtcInstant;
  readonly to: UtcInstant;
  /** Starts after this row. */
  readonly after?: ConnectionLimitKey;
  /** As it was known at this instant. Default: as it is known now. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
  readonly offset: number;
}

/** One page of limits, by start. */
export function listConnectionLimits(
  trx: Trx,
  query: ConnectionLimitQuery,
  projection: Projection<ConnectionLimitColumn>,
): Promise<Page<ConnectionLimitKey>> {
  return queryPage(trx, { ...limitSource(query, projection), isAgreed: true });
}

/** All limits of a query, part by part. */
export function exportConnectionLimits(
  query: Omit<ConnectionLimitQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<ConnectionLimitColumn>,
  format: LineFormat,
): LinesReader<ConnectionLimitKey> {
  return (trx, after, limit) =>
    queryLines(trx, limitSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

const LIMIT_KEY: KeyColumns<ConnectionLimitKey> = { startTime: { column: 'start_time', as: 'instant' } };
const SHOWN = 'start_time, end_time, max_import_mw, max_export_mw, received_at';

function limitSource(
  query: ConnectionLimitQuery,
  projection: Projection<ConnectionLimitColumn>,
): PageSource<ConnectionLimitKey, ConnectionLimitColumn> {
  const { limit, offset } = query;
  const parameters = new StatementParameters();
  const most = `${parameters.bind(limit + 1)}::int8`;
  const rows = `
    select l.* from unnest((select app.orgs())::uuid[]) as o (org_id)
    cross join lateral (${limitRows(query, parameters)}) l
    order by l.start_time limit ${most} offset ${parameters.bind(offset)}::int8`;
  return { rows, parameters, projection, key: LIMIT_KEY, limit };
}

/** The first of those that stand, and where another time is asked for of those that stood then. */
function limitRows(query: ConnectionLimitQuery, parameters: StatementParameters): string {
  const { of, id, from, to, after, knownAt, limit, offset } = query;
  const { table, owner } = TABLES[of];
  const [comparison, start] = after === undefined ? (['>=', from] as const) : (['>', after.startTime] as const);
  const where = `l.org_id = o.org_id and l.${owner} = ${parameters.bind(id)}
    and l.start_time ${comparison} ${parameters.bind(start)}::timestamptz
    and l.start_time < ${parameters.bind(to)}::timestamptz`;
  const first = `order by l.start_time limit ${parameters.bind(offset + limit + 1)}::int8`;
  if (knownAt === undefined) return `select ${SHOWN} from ${table} l where ${where} ${first}`;
  const instant = `${parameters.bind(knownAt)}::timestamptz`;
  const known = `${where} and l.received_at <= ${instant}`;
  const standing = `select ${SHOWN} from ${table} l where ${known} ${first}`;
  const displaced = `select ${SHOWN} from ${table}_history l where ${known} and l.displaced_at > ${instant} ${first}`;
  return `select l.* from ((${standing}) union all (${displaced})) l ${first}`;
}
