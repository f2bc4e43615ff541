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

/** The statements by which rows of a table become current. `$1` is the organisation, `$2` the stamp. */
export interface KeepingStatements {
  /** Puts the versions that will be displaced into the history; answers `n`, how many. */
  readonly archive: string;
  /** Gives their keys what is offered; answers `n`, how many. */
  readonly replace: string;
  /** Inserts what is offered. A key that is there is an error. */
  readonly insert: string;
}

/**
 * Makes what is offered current; versions that it displaces go to the history, even when they say the same.
 *
 * Three statements at most, each of which sees what the one before did. Whoever has a stamp holds the organisation's head, so
 * that nobody else changes its rows meanwhile, and they need no locks of their own; if somebody did, this would fail and
 * change nothing.
 *
 * @param wanted how many keys are offered, each once
 * @param values of the statements
 */
export async function keep(
  trx: Trx,
  { archive, replace, insert }: KeepingStatements,
  wanted: number,
  values: readonly unknown[],
): Promise<Written> {
  const count = async (text: string): Promise<number> => (await trx.query<{ n: number }>({ text, values }))[0]?.n ?? 0;
  const displaced = await count(archive);
  const replaced = displaced === 0 ? 0 : await count(replace);
  if (replaced !== displaced) throw new Error(`${displaced} versions were displaced, and ${replaced} rows changed`);
  if (replaced < wanted)
    await trx.query({ text: replaced === 0 ? insert : `${insert} on conflict do nothing`, values });
  return { inserted: wanted - replaced, replaced };
}

/** Makes these rows the current ones of their keys, see {@link keep}. @param rows of distinct keys */
export function keepAgreed<Row>(
  trx: Trx,
  table: AgreedTable<Row>,
  rows: readonly Row[],
  { orgId, stamp }: Stamping,
): Promise<Written> {
  const values = [orgId, stamp, ...[...table.key, ...table.content].map((column) => arrayOf(column, rows))];
  return keep(trx, statementsOf(table), rows.length, values);
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

/** Run without names: a plan that is kept from when a table was small would read all of it when it is not. */
function statementsOf<Row>({ table, key, content }: AgreedTable<Row>): KeepingStatements {
  const offered = unnest([...key, ...content]);
  const names = [...key, ...content].map(({ name }) => name).join(', ');
  const isSameKey = key.map(({ name }) => `t.${name} = o.${name}`).join(' and ');
  const isStanding = `t.org_id = $1::uuid and ${isSameKey} and t.updated_at < $2::timestamptz`;
  return {
    archive: archiveStatement(table, `${offered} cross join app.${table} t`, isStanding),
    replace: counted(`
      update app.${table} t
         set ${content.map(({ name }) => `${name} = o.${name}`).join(', ')}, updated_at = $2::timestamptz
        from ${offered} where ${isStanding}`),
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
