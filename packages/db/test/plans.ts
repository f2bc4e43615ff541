import type { NamedStatement, Statement, Trx } from '@quarterhour/db';
import { query } from './fixtures.js';

/** The part of the plan that is run per branch: the Limit below the nested loop, and all below it. */
export function branchOf(plan: string): string {
  const lines = plan.split('\n');
  const loop = lines.findIndex((line) => line.includes('Nested Loop'));
  const start = lines.findIndex((line, index) => index > loop && line.includes('->  Limit'));
  const depth = (line = ''): number => line.length - line.trimStart().length;
  const end = lines.findIndex((line, index) => index > start && depth(line) <= depth(lines[start]));
  return lines.slice(start, end === -1 ? undefined : end).join('\n');
}

/** Runs a query function and returns the plans of its statements, prepared as the pool does it. */
export async function explained(trx: Trx, run: (recorder: Trx) => unknown): Promise<string> {
  const lines: string[] = [];
  const deferred: NamedStatement[] = [];
  const explain = async ({ text, values }: Statement) => {
    if (text.startsWith('set ')) return;
    await trx.query(query(`prepare explained as ${text}`));
    const literals = values.length === 0 ? '' : ` (${values.map(literalOf).join(', ')})`;
    const plan = await trx.query<{ 'QUERY PLAN': string }>(query(`explain (costs off) execute explained${literals}`));
    await trx.query(query('deallocate explained'));
    lines.push(...plan.map((row) => row['QUERY PLAN']));
  };
  const explainDeferred = async () => {
    for (const statement of deferred.splice(0)) {
      await explain(statement);
      trx.defer(statement);
    }
  };
  const recorder: Trx = {
    run: (built) => trx.run(built),
    defer: (statement) => deferred.push(statement),
    query: async (statement) => {
      await explainDeferred();
      await explain(statement);
      const { text, values } = statement;
      return trx.query({ text, values });
    },
  };
  await run(recorder);
  await explainDeferred();
  return lines.join('\n');
}

function literalOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  throw new Error('only texts, numbers and null can be explained');
}
