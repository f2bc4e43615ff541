import { short } from './figures.js';
import type { Bar, Judged } from './judge.js';

const HEAD = ['what', 'median', 'min - max', 'floor / must / aim', ''];

/** The table for the end of a run. */
export function tableText(rows: readonly Judged[], bar: Bar): string {
  const lines = [HEAD, ...rows.map((row) => cellsOf(row))];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const text = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const reasons = rows.flatMap(({ what, missing }) => (missing === null ? [] : [`not judged: ${what}: ${missing}`]));
  return [...text, '', `Judged by ${bar === 'floor' ? 'the floors' : 'what a release must reach'}.`, ...reasons].join(
    '\n',
  );
}

function cellsOf({ what, goal, values, median, verdict }: Judged): string[] {
  const unit = goal.unit === '' ? '' : ` ${goal.unit}`;
  const sign = goal.better === 'more' ? '>=' : '<=';
  const figures =
    values.length === 0
      ? ['', '']
      : [`${short(median)}${unit}`, `${short(Math.min(...values))} - ${short(Math.max(...values))}`];
  return [what, ...figures, `${sign} ${goal.floor} / ${goal.must} / ${goal.aim}${unit}`, verdict];
}
