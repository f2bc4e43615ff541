import { isUtf8 } from 'node:buffer';

/** Where a command writes: results to standard output, remarks to standard error. */
export interface Output {
  line(text: string): void;
  remark(text: string): void;
}

/** What a terminal would obey instead of showing it, or a reader could not see. */
const UNRULY = /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

/** Text from outside as one line that is safe to show: whatever is not plainly visible is escaped as in JSON. */
export function printable(text: string): string {
  return text.replace(UNRULY, escaped);
}

/** JSON that stays JSON and is safe to show. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The beginning of a message as lines that are safe to show: its text where it is UTF-8, else its bytes in hex. */
export function bodyPreview(body: Buffer, mostBytes: number): string[] {
  const start = body.subarray(0, mostBytes);
  const lines = isUtf8(body) ? textLines(start) : hexLines(start);
  const left = body.length - start.length;
  return left === 0 ? lines : [...lines, `(${left} more bytes)`];
}

function textLines(bytes: Buffer): string[] {
  const text = new TextDecoder().decode(bytes, { stream: true });
  return text.split(/\r?\n/).map((line) => printable(line));
}

const HEX_BYTES_PER_LINE = 32;

function hexLines(bytes: Buffer): string[] {
  const count = Math.ceil(bytes.length / HEX_BYTES_PER_LINE);
  return Array.from({ length: count }, (_, line) =>
    bytes.toString('hex', line * HEX_BYTES_PER_LINE, Math.min((line + 1) * HEX_BYTES_PER_LINE, bytes.length)),
  );
}

/** Rows under their titles, columns aligned, nothing behind the last one. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [titles, ...rows.map((row) => row.map(printable))];
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Values under each other, behind their names; what there is none of is left out. */
export function fields(entries: Readonly<Record<string, string | null>>): string[] {
  const width = Math.max(...Object.keys(entries).map((name) => name.length));
  return Object.entries(entries).flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(width)}  ${printable(value)}`],
  );
}
