import type { Trx } from '../pool.js';
import { closeAgreed, type Stamping } from './agreed-table.js';

const TABLES = ['state_snapshot', 'period_limit', 'forecast', 'reservation'] as const;

/** Ends what is agreed by time about an asset that is removed: nothing of it is current any more, all of it stays known. */
export async function closePeriodData(trx: Trx, assetId: string, stamping: Stamping): Promise<void> {
  for (const table of TABLES) await closeAgreed(trx, table, assetId, stamping);
}
