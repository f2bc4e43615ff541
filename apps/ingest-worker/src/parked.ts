import { listWaiting, NO_ORGANISATION, type Database } from '@quarterhour/db';
import { isMoreParked, replayParked, type Register } from '@quarterhour/ingestion';
import type { Clock, Logger } from '@quarterhour/runtime';

export interface ParkedContext {
  readonly db: Database;
  readonly log: Logger;
  readonly clock: Clock;
  readonly register: { readonly current: Register };
  readonly worker: string;
  readonly stopping: AbortSignal;
}

/** Takes in what was parked for somebody unknown who is registered by now, in the order in which it came. */
export async function takeInParked({ db, log, clock, register, worker, stopping }: ParkedContext): Promise<void> {
  const known = register.current;
  const organisations = [...known.organisationIds, NO_ORGANISATION];
  const waiting = await db.read(organisations, listWaiting);
  for (const one of waiting.filter(({ waitsFor }) => known.has(waitsFor))) {
    let looked: number | null = 0;
    let total = 0;
    do {
      const ctx = { db, register: known, nowMillis: clock.nowMillis(), organisations, by: worker };
      looked = await replayParked(ctx, one);
      total += looked ?? 0;
    } while (isMoreParked(looked) && !stopping.aborted);
    if (total > 0)
      log.info({ waitsFor: one.waitsFor, organisation: one.orgId, deliveries: total }, 'parked deliveries taken in');
  }
}
