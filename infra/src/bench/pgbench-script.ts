import type { RecordedStatement } from './frontend-messages.js';

/** What pgbench is given to do the same as a recorded request. */
export interface PgbenchScript {
  readonly text: string;
  /** Values of its variables, which pgbench sends as parameters. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Writes recorded statements as a script for `pgbench -M prepared`: one transaction, so that a scope holds for what follows.
 *
 * @throws TypeError when a parameter is null, which pgbench cannot say
 */
export function pgbenchScript(statements: readonly RecordedStatement[]): PgbenchScript {
  const variables: Record<string, string> = {};
  const lines = statements.map((statement, index) => {
    if (statement.kind === 'simple') return statement.text;
    statement.values.forEach((value, position) => {
      if (value === null) throw new TypeError('pgbench has no way to say null');
      variables[variable(index, position + 1)] = value;
    });
    return statement.text
      .trim()
      .replaceAll(/\$(\d+)/g, (_match, position: string) => `:${variable(index, Number(position))}`);
  });
  return { text: `${['begin', ...lines, 'commit'].join(';\n')};\n`, variables };
}

function variable(statement: number, position: number): string {
  return `s${statement}p${position}`;
}

/** Transactions per second, from what pgbench prints. @throws TypeError when it is not there or something failed */
export function parseTps(output: string): number {
  const tps = /^tps = ([\d.]+) /m.exec(output)?.[1];
  const failed = /^number of failed transactions: (\d+)/m.exec(output)?.[1] ?? '0';
  if (tps === undefined || failed !== '0') throw new TypeError(`pgbench did not do all of its work:\n${output}`);
  return Number(tps);
}
