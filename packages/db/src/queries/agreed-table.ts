import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';

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

/**
 * Makes these rows the current ones of their keys; versions that they displace go to the history, even when they say the same.
 *
 * One statement where everything is new. Else three, never one: a statement that waited for another transaction would go on
 * with the row that it saw before, and lose the version in between.
 *
 * @param rows of distinct keys
 */
export async function keepAgreed<Row>(
  trx: Trx,
  table: AgreedTable<Row>,
  rows: readonly Row[],
  { orgId, stamp }: Stamping,
): Promise<Written> {
  const { insert, archive, replace } = statementsOf(table);
  const columns = [...table.key, ...table.content];
  const values = [orgId, stamp, ...columns.map((column) => arrayOf(column, rows))];
  const [counted] = await trx.query<{ inserted: number }>({ text: insert, values });
  const inserted = counted?.inserted ?? 0;
  if (inserted === rows.length) return { inserted, replaced: 0 };
  await trx.query({ text: archive, values: values.slice(0, 2 + table.key.length) });
  await trx.query({ text: replace, values });
  return { inserted, replaced: rows.length - inserted };
}

/** Takes everything of an asset out of a table of agreed rows; what was current stays in the history. */
export async function closeAgreed(trx: Trx, table: string, assetId: string, { orgId, stamp }: Stamping): Promise<void> {
  const archive = archiveStatement(table, `app.${table} t`, 't.org_id = $1::uuid and t.asset_id = $3::text');
  await trx.query({ text: archive, values: [orgId, stamp, assetId] });
  const remove = `delete from app.${table} t where t.org_id = $1::uuid and t.asset_id = $2::text`;
  await trx.query({ text: remove, values: [orgId, assetId] });
}

/**
 * The statement that locks current rows and puts them into the history, displaced at `$2`.
 *
 * A row that another transaction changed while this one waited is archived as that one left it.
 */
export function archiveStatement(table: string, from: string, where: string): string {
  return `
    with displaced as (select t.* from ${from} where ${where} for update of t)
    insert into app.${table}_history select displaced.*, $2::timestamptz from displaced`;
}

/** Without names: a plan that is kept from when a table was small would read all of it when it is not. */
function statementsOf<Row>({ table, key, content }: AgreedTable<Row>) {
  const columns = [...key, ...content];
  const names = columns.map(({ name }) => name).join(', ');
  const isSameKey = ['t.org_id = $1::uuid', ...key.map(({ name }) => `t.${name} = o.${name}`)].join(' and ');
  const isStanding = `${isSameKey} and t.updated_at <> $2::timestamptz`;
  return {
    insert: `
      with stored as (
        insert into app.${table} (org_id, ${names}, created_at, updated_at)
        select $1::uuid, ${names}, $2::timestamptz, $2::timestamptz from ${unnest(columns)}
        on conflict (org_id, ${key.map(({ name }) => name).join(', ')}) do nothing
        returning 1
      )
      select count(*)::int as inserted from stored`,
    archive: archiveStatement(table, `${unnest(key)} join app.${table} t on ${isSameKey}`, isStanding),
    replace: `
      update app.${table} t
         set ${content.map(({ name }) => `${name} = o.${name}`).join(', ')}, updated_at = $2::timestamptz
        from ${unnest(columns)} where ${isStanding}`,
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
