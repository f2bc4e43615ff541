import type { Trx } from './pool.js';
import {
  identifier,
  literal,
  openObjectText,
  plainText,
  queryRendered,
  type FieldForm,
  type PageSource,
  type Projection,
  type RenderedPage,
} from './projection.js';

/**
 * How a list leaves as lines of text.
 *
 * - `csv`: RFC 4180, a header line, CRLF. Texts are quoted, so that an empty one differs from null; a text that a spreadsheet
 *   might take for a formula begins with an apostrophe, and so does one that began with an apostrophe already: leaving out one
 *   leading apostrophe gives every text back. Numbers, instants and booleans stand as they are. A quantity is a column of its
 *   amounts with the unit in its name, a nested object a column per member, named with a dot; a `json` column is JSON text
 * - `ndjson`: one JSON object per line, as in a page
 *
 * Every line ends with a member `cursor`, which is null except on the last line of a part after which more follow.
 */
export type LineFormat = 'csv' | 'ndjson';

/** One part of a list: its lines are ready but for the end of the last one, see {@link closedLines}. */
export type Lines<Key> = RenderedPage<Key>;

/**
 * Reads the next part of a list: at most `limit` rows after a key, from the beginning without one. Empty only when nothing
 * is left.
 */
export type LinesReader<Key> = (trx: Trx, after: Key | undefined, limit: number) => Promise<Lines<Key>>;

/** The `after` of a query, absent for the first part. */
export function startingAfter<Key>(after: Key | undefined): { readonly after?: Key } {
  return after === undefined ? {} : { after };
}

const CURSOR = 'cursor';
const NO_CURSOR: Readonly<Record<LineFormat, string>> = { csv: ',\r\n', ndjson: `,"${CURSOR}":null}\n` };

/** Runs a list query and has Postgres render its rows as lines, in one statement. */
export function queryLines<Key, Column extends string>(
  trx: Trx,
  source: PageSource<Key, Column>,
  format: LineFormat,
): Promise<Lines<Key>> {
  const member = format === 'csv' ? recordText(source.projection, 'page') : openObjectText(source.projection, 'page');
  return queryRendered(trx, source, member, NO_CURSOR[format]);
}

/**
 * The lines of a part, the last one closed.
 *
 * @param cursor where the list goes on, letters, digits, `-` and `_`; null when nothing follows
 */
export function closedLines({ text, size }: Lines<unknown>, format: LineFormat, cursor: string | null): string {
  if (size === 0) return '';
  if (cursor === null) return text + NO_CURSOR[format];
  return text + (format === 'csv' ? `,${cursor}\r\n` : `,"${CURSOR}":"${cursor}"}\n`);
}

/** What comes before the lines: the names of the columns of CSV, and nothing for NDJSON. */
export function headerLine<Column extends string>(projection: Projection<Column>, format: LineFormat): string {
  if (format === 'ndjson') return '';
  return `${[...cellsOf(projection, 'page').map(({ name }) => name), CURSOR].join(',')}\r\n`;
}

/** An SQL expression for one row as a CSV record without its end. */
function recordText<Column extends string>(projection: Projection<Column>, row: string): string {
  return cellsOf(projection, row)
    .map(({ value }) => `coalesce(${value}, '')`)
    .join(` || ',' || `);
}

/** A column of CSV. Names are ours and need no quotes; `value` is an SQL expression, null for an empty cell. */
interface Cell {
  readonly name: string;
  readonly value: string;
}

function cellsOf<Column extends string>(projection: Projection<Column>, row: string): Cell[] {
  return projection.flatMap((field): Cell[] => {
    if ('column' in field)
      return [{ name: columnName(field), value: cellText(field.as, `${row}.${identifier(field.column)}`) }];
    if (field.as === 'null') return [{ name: field.name, value: 'null' }];
    const { object, unlessNull } = field.as;
    return cellsOf(object, row).map(({ name, value }) => ({
      name: `${field.name}.${name}`,
      value: `case when ${row}.${identifier(unlessNull)} is not null then ${value} end`,
    }));
  });
}

function columnName({ name, as }: { readonly name: string; readonly as: FieldForm }): string {
  return typeof as === 'object' && 'quantity' in as ? `${name}_${as.quantity.toLowerCase()}` : name;
}

function cellText(as: FieldForm, value: string): string {
  const plain = plainText(as, value);
  return as === 'text' || as === 'json' ? quotedText(plain) : plain;
}

/** Tab, line feed, carriage return, apostrophe, `+`, `-`, `=`, `@`, and the last four as full-width characters. */
const FORMULA_BEGINNINGS = [9, 10, 13, 39, 43, 45, 61, 64, 65_291, 65_293, 65_309, 65_312].join(', ');

/** Quoting all texts is cheaper than looking which of them need it. */
function quotedText(text: string): string {
  const opening = `case when ascii(${text}) in (${FORMULA_BEGINNINGS}) then ${literal(`"'`)} else '"' end`;
  return `${opening} || replace(${text}, '"', '""') || '"'`;
}
