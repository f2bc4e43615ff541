import type { Trx } from './pool.js';
import { prepared } from './statement.js';

const ANEW = prepared('set local plan_cache_mode to force_custom_plan', []);
const AS_USUAL = prepared('set local plan_cache_mode to default', []);

/**
 * Has a statement run as `Trx.defer` does, planned for its values and for the tables as they are by then.
 *
 * For one that joins what is named with a table that is empty at first and long later. The plan of a prepared statement is
 * otherwise kept as long as its connection, and one that was made for an empty table reads all of a long one.
 */
export function deferPlannedAnew(trx: Trx, text: string, values: readonly unknown[]): void {
  trx.defer(ANEW);
  trx.defer(prepared(text, values));
  trx.defer(AS_USUAL);
}
