import type { PutConnectionLimitsBody } from '@quarterhour/contracts';
import { keepConnectionLimits, type ConnectionLimit, type Limited } from '@quarterhour/db';
import { canonicalDecimal, compareInstants, overlapsAmong, parseInstant } from '@quarterhour/domain';
import type { RequestIssue } from '@quarterhour/http';
import { assertNone, backwardSpan, inBody } from './body-values.js';
import type { Writing } from './writing.js';

/**
 * The limits of a body.
 *
 * @throws InvalidRequestError when one ends before it begins, or two of them begin together or overlap
 */
export function connectionLimitsOf({ limits }: PutConnectionLimitsBody): ConnectionLimit[] {
  const read = limits.map((limit) => ({
    startTime: parseInstant(limit.start_time),
    endTime: parseInstant(limit.end_time),
    maxImportMw: canonicalDecimal(limit.max_import_from_grid.amount),
    maxExportMw: canonicalDecimal(limit.max_export_to_grid.amount),
  }));
  assertNone(
    read.map(({ startTime, endTime }, index) => backwardSpan(startTime, endTime, ['limits', index, 'end_time'])),
  );
  assertNone(overlapComplaints(read));
  return read;
}

function overlapComplaints(limits: readonly ConnectionLimit[]): RequestIssue[] {
  const spans = limits.map(({ startTime: start, endTime: end }) => ({ start, end }));
  return overlapsAmong(spans).map(({ index, with: other, sharesStart }) =>
    inBody(['limits', index, 'start_time'], {
      code: sharesStart ? 'duplicate_key' : 'window_overlap',
      message: sharesStart ? `limits.${other} begins at the same instant` : `limits.${other} overlaps this one`,
      input: limits[index]?.startTime,
      context: { other },
    }),
  );
}

/** Keeps limits of a site or inverter that is there. What was before is told by a read as of the instant before `known_at`. */
export async function upsertConnectionLimits(
  writing: Writing,
  limited: Omit<Limited, 'orgId'>,
  limits: readonly ConnectionLimit[],
): Promise<void> {
  const { trx, orgId, stamp } = writing;
  const { stored, revised } = await keepConnectionLimits(trx, { orgId, ...limited }, limits, stamp);
  if (stored + revised === 0) return;
  const from = limits.map(({ startTime }) => startTime).toSorted(compareInstants)[0];
  const to = limits
    .map(({ endTime }) => endTime)
    .toSorted(compareInstants)
    .at(-1);
  const action = limited.of === 'inverter' ? 'inverter.limits' : 'site.limits';
  await writing.audit({ action, subject: limited.id, detail: { stored, revised, from, to, known_at: stamp } });
}
