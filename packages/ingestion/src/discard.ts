import { againAfterDeadlock, discardQuarantined, lockQuarantined, recordAudit } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import type { ReplayContext } from './replay.js';

/** What became of one delivery that was to be discarded. */
export type DiscardResult = { readonly id: string } & (
  { readonly result: 'discarded' } | { readonly result: 'not-open'; readonly state: string }
);

/**
 * Puts deliveries aside for good, with the reason given, in one transaction with its audit entries. They stay readable.
 *
 * @param ids deliveries out of reach, or that do not exist, are left out of the answer
 * @param because why, for the record; at most 1,000 characters
 * @returns a result per delivery found, in the order in which they came
 */
export function discardDeliveries(
  { db, organisations, by, nowMillis }: Omit<ReplayContext, 'register'>,
  ids: readonly string[],
  { because, dryRun = false }: { readonly because: string; readonly dryRun?: boolean },
): Promise<DiscardResult[]> {
  return againAfterDeadlock(() =>
    db.transaction(organisations, async (trx) => {
      const records = await lockQuarantined(trx, ids);
      const open = records.filter(({ state }) => state === 'open');
      if (!dryRun && open.length > 0) {
        await discardQuarantined(trx, open, { at: instantFromEpochMillis(nowMillis), by, note: because });
        await recordAudit(
          trx,
          open.map(({ id, orgId, reason }) => ({
            orgId,
            actor: by,
            action: 'quarantine.discard',
            subject: id,
            detail: { because, reason },
          })),
        );
      }
      return records.map(({ id, state }) =>
        state === 'open' ? { id, result: 'discarded' as const } : { id, result: 'not-open' as const, state },
      );
    }),
  );
}
