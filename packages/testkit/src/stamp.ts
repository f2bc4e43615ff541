import { announcedStamp, announceStamp, type Trx } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';

/** Gives a transaction a stamp at once, and tells it. */
export function takeStamp(trx: Trx): Promise<UtcInstant> {
  announceStamp(trx);
  return announcedStamp(trx);
}
