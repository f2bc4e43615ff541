import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from './pool.js';
import { prepared, type StatementParameters } from './statement.js';
import { NO_ORGANISATION } from './tenant-scope.js';

/**
 * How one column's value is written in a surface's JSON.
 *
 * - `text`: as a string
 * - `uuid`: as a string
 * - `instant`: RFC 3339 UTC with `Z`, no fraction when zero, else 3 or 6 digits
 * - `date`: `YYYY-MM-DD`
 * - `decimal`: a string without exponent and trailing zeros
 * - `integer`, `boolean`: as such
 * - `json`: a json or jsonb column, as it is
 * - `owner`: an organisation's id as a string; null for {@link NO_ORGANISATION}
 * - `null`: always null; for a member that a contract demands and nothing measures. Takes no column
 * - `quantity`: `{ "amount": <decimal>, "unit": <unit> }`
 * - `number`: a measured value as a JSON number, multiplied by `scale` (from the column's unit to the surface's) and by
 *   `sign` (from the producer's view to the surface's)
 */
export type FieldForm =
  | 'text'
  | 'uuid'
  | 'owner'
  | 'instant'
  | 'date'
  | 'decimal'
  | 'integer'
  | 'boolean'
  | 'json'
  | { readonly quantity: string }
  | { readonly number: { readonly scale?: number; readonly sign?: 1 | -1 } };

/**
 * One member of a surface's JSON object: its name there, the column it comes from, and how it is written.
 *
 * An `object` is a nested object with members of its own from the same row; it is null as a whole where the column
 * `unlessNull` is null.
 */
export type ProjectionField<Column extends string> =
  | { readonly name: string; readonly column: Column; readonly as: FieldForm }
  | { readonly name: string; readonly as: 'null' }
  | { readonly name: string; readonly as: NestedObject<Column> };

/** A nested object of a projection, see {@link ProjectionField}. */
export interface NestedObject<Column extends string> {
  readonly object: Projection<Column>;
  readonly unlessNull: Column;
}

/** What a surface shows of a row, in order. Null columns become JSON null. */
export type Projection<Column extends string> = readonly ProjectionField<Column>[];

/** One page of a list, rendered. */
export interface Page<Key> {
  /** A JSON array, ready to be sent. */
  readonly json: string;
  /** Number of elements in {@link Page.json}. */
  readonly size: number;
  /** Whether rows follow after this page. */
  readonly hasMore: boolean;
  /** Sort key of the last element, from which the next page starts; null when the page is empty. */
  readonly lastKey: Key | null;
  /**
   * Of agreed data of exactly one organisation: its mark as the page saw it, so that a page with no bound holds what a page
   * with this bound does. Else null.
   */
  readonly knownAt: UtcInstant | null;
}

/** How the sort key is read back from a row: one member per name of the key. */
export type KeyColumns<Key> = {
  readonly [Name in keyof Key]: { readonly column: string; readonly as: FieldForm };
};

/** A list to be rendered page by page. */
export interface PageSource<Key, Column extends string> {
  /** A select of the page's rows and one more, in order, with all columns of projection and key. */
  readonly rows: string;
  readonly parameters: StatementParameters;
  readonly limit: number;
  readonly projection: Projection<Column>;
  readonly key: KeyColumns<Key>;
  /** Whether the rows are agreed data, stamped from their organisation's head. Default false. */
  readonly isAgreed?: boolean;
}

/** Whoever stores agreed data raises its organisation's head in the same transaction: one snapshot sees both or neither. */
const MARK_OF_ONE = '(select case when count(*) = 1 then app.instant_text(max(known_at)) end from app.org_head)';

/** Runs a list query and has Postgres render its page: one statement, one row back. */
export async function queryPage<Key, Column extends string>(
  trx: Trx,
  { rows, parameters, limit, projection, key, isAgreed = false }: PageSource<Key, Column>,
): Promise<Page<Key>> {
  const most = `${parameters.bind(limit)}::int8`;
  const text = `
    with page as materialized (select *, row_number() over () as place_on_page from (${rows}) as r)
    select
      '[' || coalesce(string_agg(${objectText(projection, 'page')}, ',' order by place_on_page)
        filter (where place_on_page <= ${most}), '') || ']' as json,
      least(count(*), ${most})::int as size,
      count(*) > ${most} as "hasMore",
      (select ${keyText(key, 'page')} from page where place_on_page <= ${most}
        order by place_on_page desc limit 1)::json as "lastKey",
      ${isAgreed ? MARK_OF_ONE : 'null'} as "knownAt"
    from page`;
  const [page] = await trx.query<Page<Key>>(prepared(text, parameters.values));
  if (page === undefined) throw new Error('a page was rendered without an answer');
  return page;
}

/** An SQL expression for the sort key of a row as JSON text. */
export function keyText<Key>(key: KeyColumns<Key>, row: string): string {
  const fields = Object.entries<KeyColumns<Key>[keyof Key]>(key);
  return objectText(
    fields.map(([name, { column, as }]) => ({ name, column, as })),
    row,
  );
}

/**
 * An SQL expression for one row as JSON text.
 *
 * @param row alias of the row in the statement around it
 */
export function objectText<Column extends string>(projection: Projection<Column>, row: string): string {
  return projection.length === 0 ? `'{}'` : `${openObjectText(projection, row)} || '}'`;
}

/** The same without its closing brace, so that a member can follow. The projection has at least one field. */
export function openObjectText<Column extends string>(projection: Projection<Column>, row: string): string {
  const members = projection.map((field, index) => {
    const opening = `${index === 0 ? '{' : ','}${JSON.stringify(field.name)}:`;
    return `${literal(opening)} || ${memberText(field, row)}`;
  });
  return members.join(' || ');
}

function memberText<Column extends string>(field: ProjectionField<Column>, row: string): string {
  if ('column' in field) return `coalesce(${valueText(field.as, `${row}.${identifier(field.column)}`)}, 'null')`;
  if (field.as === 'null') return `'null'`;
  const { object, unlessNull } = field.as;
  return `case when ${row}.${identifier(unlessNull)} is null then 'null' else ${objectText(object, row)} end`;
}

function valueText(as: FieldForm, value: string): string {
  if (typeof as === 'object') {
    return 'quantity' in as ? quantityText(value, as.quantity) : plainText(as, value);
  }
  switch (as) {
    case 'text':
      return `to_json(${plainText(as, value)})::text`;
    case 'uuid':
    case 'owner':
    case 'instant':
    case 'date':
    case 'decimal':
      return `'"' || ${plainText(as, value)} || '"'`;
    case 'integer':
    case 'boolean':
    case 'json':
      return plainText(as, value);
  }
}

/** An SQL expression for a value by itself, as text that nothing is quoted or escaped in; of a quantity, its amount. */
export function plainText(as: FieldForm, value: string): string {
  if (typeof as === 'object') return 'quantity' in as ? `trim_scale(${value})::text` : numberText(value, as.number);
  switch (as) {
    case 'owner':
      return `nullif(${value}, ${literal(NO_ORGANISATION)}::uuid)::text`;
    case 'instant':
      return `app.instant_text(${value})`;
    case 'date':
      return `to_char(${value}, 'YYYY-MM-DD')`;
    case 'decimal':
      return `trim_scale(${value})::text`;
    case 'text':
    case 'uuid':
    case 'integer':
    case 'boolean':
    case 'json':
      return `${value}::text`;
  }
}

function quantityText(value: string, unit: string): string {
  return `'{"amount":"' || trim_scale(${value}) || ${literal(`","unit":${JSON.stringify(unit)}}`)}`;
}

/** Zero is added so that a turned zero is not written as -0. */
function numberText(value: string, { scale = 1, sign = 1 }: { scale?: number; sign?: 1 | -1 }): string {
  const factor = scale * sign;
  if (!Number.isFinite(factor)) throw new RangeError('the scale of a projected number is finite');
  return factor === 1 ? `${value}::text` : `(${value} * (${factor})::float8 + 0)::text`;
}

const IDENTIFIER = /^[a-z_][a-z0-9_]*$/;

/** A column's name. @throws RangeError when it is none that needs no quotes */
export function identifier(name: string): string {
  if (!IDENTIFIER.test(name)) throw new RangeError(`${JSON.stringify(name)} is not a column`);
  return name;
}

/** A text as a constant in a statement. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
