import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import type { Statement } from '../statement.js';

/** A column of agreed rows, and how a row fills it. */
export interface AgreedColumn<Row> {
  readonly name: string;
  readonly type: 'text' | 'timestamptz' | 'date' | 'numeric';
  readonly of: (row: Row) => string | null;
}

/**
 * A table of what is agreed, below `app`, beside a history of the same columns and `displaced_at`.
 *
 * Both have `org_id`, then these, `created_at` and `updated_at`.
 */
export interface AgreedTable<Row> {
  readonly table: string;
  /** After `org_id`. */
  readonly key: readonly AgreedColumn<Row>[];
  readonly content: readonly AgreedColumn<Row>[];
}

/** Whose data a transaction changes, and its stamp: the organisation's `known_at`, raised before anything is written. */
export interface Stamping {
  readonly orgId: string;
  readonly stamp: UtcInstant;
}

/** What became of rows that were written. */
export interface Written {
  readonly inserted: number;
  /** Rows that displaced another version. */
  readonly replaced: number;
}

/** The statements by which rows of a table become current. */
export interface KeepingStatements {
  /** Puts the versions that will be displaced into the history; answers `n`, how many. */
  readonly archive: Statement;
  /** Gives their keys what is offered; answers `n`, how many. */
  readonly replace: Statement;
  /** Inserts what is offered. A key that is there is an error. */
  readonly insert: Statement;
}

/**
 * Makes what is offered current; versions that it displaces go to the history, even when they say the same.
 *
 * Three statements at most, each of which sees what the one before did. Whoever has a stamp holds the organisation's head, so
 * that nobody else changes its rows meanwhile, and they need no locks of their own; if somebody did, this would fail and
 * change nothing.
 *
 * @param wanted how many keys are offered, each once
 */
export async function keep(
  trx: Trx,
  { archive, replace, insert }: KeepingStatements,
  wanted: number,
): Promise<Written> {
  const count = async (statement: Statement): Promise<number> => (await trx.query<{ n: number }>(statement))[0]?.n ?? 0;
  const displaced = await count(archive);
  const replaced = displaced === 0 ? 0 : await count(replace);
  if (replaced !== displaced) throw new Error(`${displaced} versions were displaced, and ${replaced} rows changed`);
  if (replaced === 0) await trx.query(insert);
  else if (replaced < wanted) await trx.query({ ...insert, text: `${insert.text} on conflict do nothing` });
  return { inserted: wanted - replaced, replaced };
}

/** Makes these rows the current ones of their keys, see {@link keep}. @param rows of distinct keys */
export function keepAgreed<Row>(
  trx: Trx,
  table: AgreedTable<Row>,
  rows: readonly Row[],
  { orgId, stamp }: Stamping,
): Promise<Written> {
  const { archive, replace, insert } = statementsOf(table);
  const keys = [orgId, stamp, ...table.key.map((column) => arrayOf(column, rows))];
  const values = [...keys, ...table.content.map((column) => arrayOf(column, rows))];
  const statements = {
    archive: { text: archive, values: keys },
    replace: { text: replace, values },
    insert: { text: insert, values },
  };
  return keep(trx, statements, rows.length);
}

/** Takes everything of an asset out of a table of agreed rows; what was current stays in the history. */
export async function closeAgreed(trx: Trx, table: string, assetId: string, { orgId, stamp }: Stamping): Promise<void> {
  const archive = archiveStatement(table, `app.${table} t`, 't.org_id = $1::uuid and t.asset_id = $3::text');
  await trx.query({ text: archive, values: [orgId, stamp, assetId] });
  const remove = `delete from app.${table} t where t.org_id = $1::uuid and t.asset_id = $2::text`;
  await trx.query({ text: remove, values: [orgId, assetId] });
}

/** The statement that puts current rows `t` into the history, displaced at `$2`; answers `n`, how many. */
export function archiveStatement(table: string, from: string, where: string): string {
  return counted(`insert into app.${table}_history select t.*, $2::timestamptz from ${from} where ${where}`);
}

/** A statement that answers `n`, how many rows another one wrote. */
export function counted(statement: string): string {
  return `with written as (${statement} returning 1) select count(*)::int as n from written`;
}

/**
 * `$1` is the organisation, `$2` the stamp. Each offered key is looked up by itself, which the limit of one makes sure of: joined
 * with the table, all rows of an organisation would be read while nobody knows how many they are. Run without names: a plan
 * that is kept from when a table was small would read all of it when it is not.
 */
function statementsOf<Row>({ table, key, content }: AgreedTable<Row>) {
  const offered = unnest([...key, ...content]);
  const names = [...key, ...content].map(({ name }) => name).join(', ');
  const isSameKey = key.map(({ name }) => `s.${name} = o.${name}`).join(' and ');
  const standing = (columns: string) => `lateral (
    select ${columns} from app.${table} s
     where s.org_id = $1::uuid and ${isSameKey} and s.updated_at < $2::timestamptz limit 1)`;
  return {
    archive: archiveStatement(table, `${unnest(key)}, ${standing('s.*')} t`, 'true'),
    replace: counted(`
      update app.${table} t
         set ${content.map(({ name }) => `${name} = o.${name}`).join(', ')}, updated_at = $2::timestamptz
        from ${offered}, ${standing('s.ctid as place')} found where t.ctid = found.place`),
    insert: `
      insert into app.${table} (org_id, ${names}, created_at, updated_at)
      select $1::uuid, ${names}, $2::timestamptz, $2::timestamptz from ${offered}`,
  };
}

/** `unnest(…) as o (…)`, one array parameter per column from `$3` on. */
function unnest(columns: readonly { readonly name: string; readonly type: string }[]): string {
  const parameters = columns.map(({ type }, index) => `$${index + 3}::${type}[]`);
  return `unnest(${parameters.join(', ')}) as o (${columns.map(({ name }) => name).join(', ')})`;
}

function arrayOf<Row>({ type, of }: AgreedColumn<Row>, rows: readonly Row[]): string {
  return type === 'text' ? textArray(rows.map(of)) : plainArray(rows.map(of));
}
