import type { Trx } from './pool.js';
import { prepared, type StatementParameters } from './statement.js';
import { NO_ORGANISATION } from './tenant-scope.js';

/**
 * How one column's value is written in a surface's JSON.
 *
 * - `text`: as a string; also for UUIDs
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
  /** A boolean column of `rows`, true in a row that only shows that more follow. Without it all rows up to the limit count. */
  readonly marker?: string;
  /** A statement is planned once per connection, unless it depends on the values how it is best done, or how it reads. */
  readonly planning?: 'anew';
}

/** Runs a list query and has Postgres render its page, in one statement. */
export async function queryPage<Key, Column extends string>(
  trx: Trx,
  source: PageSource<Key, Column>,
): Promise<Page<Key>> {
  const { text, ...page } = await queryRendered(trx, source, objectText(source.projection, 'page'), ',');
  return { json: `[${text}]`, ...page };
}

/** A page as one text: what its rows became, with something between them. */
export interface RenderedPage<Key> extends Omit<Page<Key>, 'json'> {
  readonly text: string;
}

/** Rows of a page that come as one text. Larger texts cost Postgres more than twice as much, in memory that it gives back. */
const ROWS_OF_A_TEXT = 100;

/**
 * Runs a list query and has Postgres render its rows.
 *
 * @param member SQL expression for a row of `page`
 */
export async function queryRendered<Key, Column extends string>(
  trx: Trx,
  { rows, parameters, limit, key, marker, planning }: PageSource<Key, Column>,
  member: string,
  between: string,
): Promise<RenderedPage<Key>> {
  const withinLimit = `place_on_page <= ${parameters.bind(limit)}::int8`;
  const isShown = marker === undefined ? withinLimit : `${withinLimit} and not ${identifier(marker)}`;
  const shown = `filter (where ${isShown})`;
  const keys = Object.entries<KeyColumns<Key>[keyof Key]>(key).map(([name, { column, as }]) => ({ name, column, as }));
  const lastOf = ({ column }: { readonly column: string }) =>
    `(array_agg(page.${identifier(column)} order by place_on_page) ${shown})[(count(*) ${shown})::int] as ${identifier(column)}`;
  const text = `
    select part_text as text, part_size as size, part_more as more, (${objectText(keys, 'part')})::json as key
    from (
      select min(place_on_page) as part_place, string_agg(${member}, ${literal(between)} order by place_on_page) ${shown} as part_text,
        (count(*) ${shown})::int as part_size, bool_or(not (${isShown})) as part_more, ${keys.map(lastOf).join(', ')}
      from (select *, row_number() over () as place_on_page from (${rows}) as r) as page
      group by (place_on_page - 1) / ${ROWS_OF_A_TEXT}) as part
    order by part_place`;
  const { values } = parameters;
  const parts = await trx.query<PartOfPage<Key>>(planning === 'anew' ? { text, values } : prepared(text, values));
  const shownParts = parts.filter(({ size }) => size > 0);
  return {
    text: shownParts.map(({ text }) => text).join(between),
    size: shownParts.reduce((sum, { size }) => sum + size, 0),
    hasMore: parts.some(({ more }) => more),
    lastKey: shownParts.at(-1)?.key ?? null,
  };
}

/** Some rows of a page; `key` is of the last one. */
interface PartOfPage<Key> {
  readonly text: string;
  readonly size: number;
  readonly more: boolean;
  readonly key: Key;
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
