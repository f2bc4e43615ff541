import type { UtcInstant } from '@quarterhour/domain';
import { arrayParameter, type ArrayColumn } from '../array-parameters.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { ANNOUNCED_STAMP, announcedStamp } from './known-at.js';
import type { Displaced, Stamped, Version, VersionedRows, VersionedTable } from './keep-versions.js';

/** How one member of a row travels to Postgres and back. */
export type ColumnOf<Row> = { readonly name: string; readonly field: keyof Row & string } & ArrayColumn<Row>;

/**
 * A table of facts that may be corrected. It has a stamp, `received_at`; its history is called the same with `_history`, and
 * has `displaced_at` as well.
 */
export interface VersionedTableSpec<Row extends Version> {
  readonly table: string;
  /** Its unique key, the organisation first. */
  readonly key: readonly [ColumnOf<Row>, ...ColumnOf<Row>[]];
  /** What makes one content another. */
  readonly content: readonly ColumnOf<Row>[];
  /** Where a version comes from; `message_id` is the first. */
  readonly provenance: readonly ColumnOf<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly hasSameContent: (left: Row, right: Row) => boolean;
  /** A statement over the keys of what was inserted, in `stored`, that is part of the insert. */
  readonly noting?: string;
}

/** A table whose statements are written: it makes rows ready, and binds itself to a transaction. */
export interface WrittenTable<Row extends Version> extends VersionedRows<Row, readonly Buffer[]> {
  readonly within: (trx: Trx) => VersionedTable<Row, readonly Buffer[]>;
}

/** Writes the statements of a table once. */
export function versionedTable<Row extends Version>(spec: VersionedTableSpec<Row>): WrittenTable<Row> {
  const { key, content, provenance, keyOf, hasSameContent } = spec;
  const offered = [...key, ...content, ...provenance];
  const compared = [...key, ...content, ...provenance.slice(0, 1)];
  const stamped = [...offered, RECEIVED_AT];
  const statements = statementsOf(spec);
  const within = (trx: Trx): VersionedTable<Row, readonly Buffer[]> => ({
    hasSameContent,
    insert: async (insertion, receivedAt) => {
      const lost = await trx.query<{ position: number }>(prepared(statements.insert, [...insertion, receivedAt]));
      return lost.map(({ position }) => position);
    },
    announced: () => announcedStamp(trx),
    lock: async (asked) => {
      const values = [
        ...arrays(
          compared,
          asked.map(({ row }) => row),
        ),
        arrayParameter({ type: 'bool', of: ({ isOnly }) => isOnly }, asked),
      ];
      const locked = await trx.query<Stamped<Row> & { position: number }>(prepared(statements.lock, values));
      return new Map(locked.map((row) => [row.position, row]));
    },
    displacedMessages: async (rows) => {
      const found = await trx.query<{ position: number; messages: string[] }>(
        prepared(statements.displacedMessages, arrays(key, rows)),
      );
      return new Map(found.map(({ position, messages }) => [position, new Set(messages)]));
    },
    replace: async (rows) => {
      if (rows.length > 0) await trx.query(prepared(statements.replace, arrays(stamped, rows)));
    },
    archive: async (rows) => {
      await trx.query(prepared(statements.archive, arrays<Displaced<Row>>([...stamped, DISPLACED_AT], rows)));
    },
  });
  return { keyOf, toInsert: (rows) => arrays(offered, rows), within };
}

/**
 * What is inserted is counted before it is compared with what was offered: as a rule nothing was there before. Only the insert
 * moves a thousand rows at a time; the others are about those that were there, mostly few.
 */
function statementsOf<Row extends Version>({ table, key, content, provenance, noting }: VersionedTableSpec<Row>) {
  const offered = [...key, ...content, ...provenance];
  const compared = [...key, ...content, ...provenance.slice(0, 1)];
  const stamped = [...offered, RECEIVED_AT];
  const sameKey = (alias: string) => key.map(({ name }) => `${alias}.${name} = o.${name}`).join(' and ');
  const qualified = (alias: string, columns: readonly { name: string }[]) =>
    columns.map(({ name }) => `${alias}.${name}`).join(', ');
  return {
    insert: `
      with stored as (
        insert into app.${table} (${listOf(stamped)})
        select ${expanded(offered)}, coalesce($${offered.length + 1}::timestamptz, (select ${ANNOUNCED_STAMP}))
        on conflict (${listOf(key)}) do nothing
        returning ${listOf(key)}
      )${noting === undefined ? '' : `, noted as (${noting})`}
      select o.n - 1 as position
      from (select ${expanded(key)}, generate_subscripts($1::${key[0].type}[], 1) as n) as o (${listOf(key)}, n)
      where (select count(*) from stored) < cardinality($1::${key[0].type}[])
        and (${qualified('o', key)}) not in (select ${listOf(key)} from stored)`,
    lock: `
      select o.n::int - 1 as position, ${stamped.map((column) => `${readOf(column)} as "${column.field}"`).join(', ')}
      from ${unnest([...compared, { name: 'is_only', type: 'bool' }])} join app.${table} t on ${sameKey('t')}
      where not (o.is_only and (t.message_id = o.message_id
        or (${qualified('t', content)}) is not distinct from (${qualified('o', content)})))
      order by o.n for update of t`,
    displacedMessages: `
      select o.n::int - 1 as position, array_agg(h.message_id) as messages
      from ${unnest(key)} join app.${table}_history h on ${sameKey('h')} group by 1`,
    replace: `
      update app.${table} t set ${[...content, ...provenance, RECEIVED_AT].map(({ name }) => `${name} = o.${name}`).join(', ')}
      from ${unnest(stamped)} where ${sameKey('t')}`,
    archive: `
      insert into app.${table}_history (${listOf([...stamped, DISPLACED_AT])})
      select ${listOf([...stamped, DISPLACED_AT])} from ${unnest([...stamped, DISPLACED_AT])}`,
  };
}

function listOf(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/**
 * One array parameter per column, the first being `$1`, as columns of a select: Postgres hands their elements on one by one,
 * where in a FROM clause, as in {@link unnest}, it keeps each array as a table of its own first.
 */
function expanded(columns: readonly { readonly type: string }[]): string {
  return columns.map(({ type }, index) => `unnest($${index + 1}::${type}[])`).join(', ');
}

/** `unnest(…) with ordinality as o (…, n)`, one array parameter per column. */
function unnest(columns: readonly { readonly name: string; readonly type: string }[]): string {
  const parameters = columns.map(({ type }, index) => `$${index + 1}::${type}[]`);
  return `unnest(${parameters.join(', ')}) with ordinality as o (${listOf(columns)}, n)`;
}

function readOf({ name, type }: { readonly name: string; readonly type: string }): string {
  if (type === 'timestamptz') return `app.instant_text(t.${name})`;
  if (type === 'bytea') return `encode(t.${name}, 'hex')`;
  return type === 'jsonb' ? `t.${name}::text` : `t.${name}`;
}

function arrays<Row>(columns: readonly ColumnOf<Row>[], rows: readonly Row[]): Buffer[] {
  return columns.map((column) => arrayParameter(column, rows));
}

const RECEIVED_AT: ColumnOf<{ readonly receivedAt: UtcInstant }> = {
  name: 'received_at',
  field: 'receivedAt',
  type: 'timestamptz',
  of: ({ receivedAt }) => receivedAt,
};
const DISPLACED_AT: ColumnOf<{ readonly displacedAt: UtcInstant }> = {
  name: 'displaced_at',
  field: 'displacedAt',
  type: 'timestamptz',
  of: ({ displacedAt }) => displacedAt,
};
