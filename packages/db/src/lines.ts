import type { Trx } from './pool.js';
import {
  identifier,
  keyText,
  literal,
  openObjectText,
  plainText,
  type FieldForm,
  type PageSource,
  type Projection,
} from './projection.js';
import { prepared } from './statement.js';

/**
 * How a list leaves as lines of text.
 *
 * - `csv`: RFC 4180, a header line, CRLF. Texts are quoted, so that an empty one differs from null; a text that a spreadsheet
 *   might take for a formula begins with an apostrophe, and so does one that began with an apostrophe already: leaving out one
 *   leading apostrophe gives every text back. Numbers, instants and booleans stand as they are. A quantity is a column of its
 *   amounts with the unit in its name, a nested object a column per member, named with a dot; a `json` column is JSON text
 * - `ndjson`: one JSON object per line, as in a page
 *
 * Every line ends with a member `cursor`, which is null except on the last line of each piece after which more follow.
 */
export type LineFormat = 'csv' | 'ndjson';

/** One part of a list. */
export interface Lines<Key> {
  readonly pieces: readonly Piece<Key>[];
  /** Number of lines. */
  readonly size: number;
  readonly hasMore: boolean;
  /** Sort key of the last line, from which the next part starts; null when nothing follows. */
  readonly lastKey: Key | null;
}

/** Some lines of a part. */
export interface Piece<Key> {
  /** The last line has no end yet, see {@link closedLines}. */
  readonly text: string;
  /** Sort key of the last line; null when it may be the last of the list. */
  readonly key: Key | null;
}

/** A list to be rendered part by part. */
export interface LinesSource<Key, Column extends string> extends PageSource<Key, Column> {
  /** An SQL condition on a row of `rows` that only shows that more follow. Without it the rows beyond the limit do. */
  readonly marker?: string;
  /** An SQL condition on a row of `rows` after which the part may end, although more follow, short of its limit. */
  readonly mayEndAt?: string;
  /** A statement is planned once per connection, unless it depends on the values how it is best done, or how it reads. */
  readonly planning?: 'anew';
}

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

/** Lines after which the list can be taken up again come this often. */
const LINES_OF_A_PIECE = 250;

interface Line<Key> {
  /** Null for a row that only shows that more follow. */
  readonly line: string | null;
  readonly key: Key | null;
}

/**
 * Runs a list query and has Postgres render its rows, one text each: putting them together here costs less than there, where
 * a larger text is copied each time it grows.
 */
export async function queryLines<Key, Column extends string>(
  trx: Trx,
  {
    rows,
    parameters,
    limit,
    projection,
    key,
    marker = 'false',
    mayEndAt = 'false',
    planning,
  }: LinesSource<Key, Column>,
  format: LineFormat,
): Promise<Lines<Key>> {
  const line = format === 'csv' ? recordText(projection, 'part') : openObjectText(projection, 'part');
  const most = `${parameters.bind(limit)}::int8`;
  const text = `
    select case when place_in_part <= ${most} and not (${marker}) then ${line} end as line,
      case when place_in_part % ${LINES_OF_A_PIECE} = 0 or place_in_part = ${most} or (${mayEndAt})
        then (${keyText(key, 'part')})::json end as key
    from (select *, row_number() over () as place_in_part from (${rows}) as r) as part`;
  const { values } = parameters;
  return linesOf(
    await trx.query<Line<Key>>(planning === 'anew' ? { text, values } : prepared(text, values)),
    NO_CURSOR[format],
  );
}

/** Rows that only show that more follow are the last. */
function linesOf<Key>(found: readonly Line<Key>[], between: string): Lines<Key> {
  const size = found.findLastIndex(({ line }) => line !== null) + 1;
  const pieces: Piece<Key>[] = [];
  for (let start = 0; start < size; start += LINES_OF_A_PIECE) {
    const piece = found.slice(start, Math.min(start + LINES_OF_A_PIECE, size));
    pieces.push({ text: piece.map(({ line }) => line).join(between), key: piece.at(-1)?.key ?? null });
  }
  return { pieces, size, hasMore: size < found.length, lastKey: pieces.at(-1)?.key ?? null };
}

/**
 * Lines with the end of the last one.
 *
 * @param text of a {@link Piece}
 * @param cursor where the list goes on after it, letters, digits, `-` and `_`; null when nothing follows
 */
export function closedLines(text: string, format: LineFormat, cursor: string | null): string {
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
