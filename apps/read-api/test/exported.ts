import { parse } from 'csv-parse/sync';
import { z } from 'zod';

/** One row of a list, as JSON says it. */
export type Row = Readonly<Record<string, unknown>>;

const rows = z.array(z.record(z.string(), z.unknown()));
const quantity = z.object({ amount: z.string() });
const nested = z.record(z.string(), z.unknown());

/** The rows of a page of JSON, whatever they are called there. */
export function rowsOfPage(body: unknown): Row[] {
  const page = Array.isArray(body) ? { rows: body } : nested.parse(body);
  return rows.parse(Object.values(page).find(Array.isArray));
}

/** The lines of an NDJSON export, and the cursors that stand on some of them. */
export function readNdjson(text: string): Exported {
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => nested.parse(JSON.parse(line)));
  return {
    rows: lines.map(({ cursor: _cursor, ...row }) => row),
    cursors: lines.map(({ cursor }) => z.string().nullable().parse(cursor)),
  };
}

/** The records of a CSV export, keyed by column. */
export function readCsv(text: string): Exported {
  const records = z
    .array(z.record(z.string(), z.string()))
    .parse(parse(text, { columns: true, record_delimiter: '\r\n' }));
  return {
    rows: records.map(({ cursor: _cursor, ...row }) => row),
    cursors: records.map(({ cursor }) => (cursor === '' || cursor === undefined ? null : cursor)),
  };
}

export interface Exported {
  readonly rows: readonly Row[];
  /** Of each line, null where there is none. */
  readonly cursors: readonly (string | null)[];
}

/** What CSV has to say of a row of JSON, in these columns. */
export function asRecord(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, cellOf(valueAt(row, column))]));
}

/** Members of a row that no column is about. */
export function unsaid(row: Row, columns: readonly string[]): string[] {
  return Object.keys(row).filter((name) => !columns.some((column) => memberOf(row, column) === name));
}

function memberOf(row: Row, column: string): string {
  if (column in row) return column;
  return column.includes('.') ? column.slice(0, column.indexOf('.')) : column.slice(0, column.lastIndexOf('_'));
}

function valueAt(row: Row, column: string): unknown {
  if (column in row) return row[column];
  const whole = row[memberOf(row, column)] ?? null;
  if (whole === null) return null;
  if (!column.includes('.')) return quantity.parse(whole).amount;
  return valueAt(nested.parse(whole), column.slice(column.indexOf('.') + 1));
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}
