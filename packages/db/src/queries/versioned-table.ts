import { arrayParameter, type ArrayColumn } from '../array-parameters.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import type { Displaced, Version, VersionedTable } from './keep-versions.js';

/** How one member of a row travels to Postgres and back. */
export type ColumnOf<Row> = { readonly name: string; readonly field: keyof Row & string } & ArrayColumn<Row>;

/** A table of facts that may be corrected; its history is called the same with `_history`, and has `displaced_at`. */
export interface VersionedTableSpec<Row extends Version> {
  readonly table: string;
  /** Its unique key, the organisation first. */
  readonly key: readonly ColumnOf<Row>[];
  /** What makes one content another. */
  readonly content: readonly ColumnOf<Row>[];
  /** Where a version comes from; `message_id` is the first. */
  readonly provenance: readonly ColumnOf<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly hasSameContent: (left: Row, right: Row) => boolean;
}

/** Writes the statements of a table once; the result binds them to a transaction. */
export function versionedTable<Row extends Version>(spec: VersionedTableSpec<Row>): (trx: Trx) => VersionedTable<Row> {
  const { key, content, provenance, keyOf, hasSameContent } = spec;
  const all = [...key, ...content, ...provenance];
  const compared = [...key, ...content, ...provenance.slice(0, 1)];
  const statements = statementsOf(spec);
  return (trx) => ({
    keyOf,
    hasSameContent,
    insert: async (rows) => {
      const lost = await trx.query<{ position: number }>(prepared(statements.insert, arrays(all, rows)));
      return lost.map(({ position }) => position);
    },
    lock: async (asked) => {
      const values = [
        ...arrays(
          compared,
          asked.map(({ row }) => row),
        ),
        arrayParameter({ type: 'bool', of: ({ isOnly }) => isOnly }, asked),
      ];
      const locked = await trx.query<Row & { position: number }>(prepared(statements.lock, values));
      return new Map(locked.map((row) => [row.position, row]));
    },
    displacedMessages: async (rows) => {
      const found = await trx.query<{ position: number; messages: string[] }>(
        prepared(statements.displacedMessages, arrays(key, rows)),
      );
      return new Map(found.map(({ position, messages }) => [position, new Set(messages)]));
    },
    replace: async (rows) => {
      if (rows.length > 0) await trx.query(prepared(statements.replace, arrays(all, rows)));
    },
    archive: async (rows) => {
      await trx.query(prepared(statements.archive, [...arrays(all, rows), arrayParameter(DISPLACED_AT, rows)]));
    },
  });
}

function statementsOf<Row extends Version>({ table, key, content, provenance }: VersionedTableSpec<Row>) {
  const all = [...key, ...content, ...provenance];
  const compared = [...key, ...content, ...provenance.slice(0, 1)];
  const names = listOf(all);
  const sameKey = (alias: string) => key.map(({ name }) => `${alias}.${name} = o.${name}`).join(' and ');
  const qualified = (alias: string, columns: readonly { name: string }[]) =>
    columns.map(({ name }) => `${alias}.${name}`).join(', ');
  return {
    insert: `
      with offered as (select * from ${unnest(all)}), stored as (
        insert into app.${table} (${names})
        select ${names} from offered
        on conflict (${listOf(key)}) do nothing
        returning ${listOf(key)}
      )
      select o.n::int - 1 as position from offered o
       where (${qualified('o', key)}) not in (select ${listOf(key)} from stored)`,
    lock: `
      select o.n::int - 1 as position, ${all.map((column) => `${readOf(column)} as "${column.field}"`).join(', ')}
      from ${unnest(compared, ['is_only', 'bool'])} join app.${table} t on ${sameKey('t')}
      where not (o.is_only and (t.message_id = o.message_id
        or (${qualified('t', content)}) is not distinct from (${qualified('o', content)})))
      order by o.n for update of t`,
    displacedMessages: `
      select o.n::int - 1 as position, array_agg(h.message_id) as messages
      from ${unnest(key)} join app.${table}_history h on ${sameKey('h')} group by 1`,
    replace: `
      update app.${table} t set ${[...content, ...provenance].map(({ name }) => `${name} = o.${name}`).join(', ')}
      from ${unnest(all)} where ${sameKey('t')}`,
    archive: `
      insert into app.${table}_history (${names}, displaced_at)
      select ${names}, displaced_at from ${unnest(all, ['displaced_at', 'timestamptz'])}`,
  };
}

function listOf(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/** `unnest(…) with ordinality as o (…, n)`, one array parameter per column, and one more column if asked. */
function unnest(
  columns: readonly { readonly name: string; readonly type: string }[],
  extra?: readonly [name: string, type: string],
): string {
  const typed = [
    ...columns.map(({ name, type }): readonly [string, string] => [name, type]),
    ...(extra ? [extra] : []),
  ];
  const parameters = typed.map(([, type], index) => `$${index + 1}::${type}[]`);
  return `unnest(${parameters.join(', ')}) with ordinality as o (${typed.map(([name]) => name).join(', ')}, n)`;
}

function readOf({ name, type }: { readonly name: string; readonly type: string }): string {
  if (type === 'timestamptz') return `app.instant_text(t.${name})`;
  if (type === 'bytea') return `encode(t.${name}, 'hex')`;
  return type === 'jsonb' ? `t.${name}::text` : `t.${name}`;
}

function arrays<Row>(columns: readonly ColumnOf<Row>[], rows: readonly Row[]): Buffer[] {
  return columns.map((column) => arrayParameter(column, rows));
}

const DISPLACED_AT: ArrayColumn<Displaced<unknown>> = { type: 'timestamptz', of: ({ displacedAt }) => displacedAt };
