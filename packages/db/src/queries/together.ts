import type { Trx } from '../pool.js';
import { prepared, type Statement } from '../statement.js';

const PLACEHOLDER = /\$(\d+)/g;

/**
 * Runs statements that change something as one, which takes one message to the server. None of them sees what another
 * changes, nor may it change the same row; which runs first is not said.
 *
 * @param statements whose text has no common table expressions of its own and no `$1` but as a placeholder; rows that they
 *   return are dropped
 */
export async function runTogether(trx: Trx, statements: readonly Statement[]): Promise<void> {
  if (statements.length === 0) return;
  const values: unknown[] = [];
  const parts = statements.map(({ text, values: own }, index) => {
    const before = values.length;
    values.push(...own);
    return `part_${index} as (${text.replace(PLACEHOLDER, (_all, n) => `$${Number(n) + before}`)})`;
  });
  await trx.query(prepared(`with ${parts.join(', ')} select 1 as done`, values));
}
