import type { UtcInstant } from '@quarterhour/domain';

/** The stamp of one organisation among those that a transaction raised. @throws Error when it has no head row */
export function knownAtOf(raised: ReadonlyMap<string, UtcInstant>, orgId: string): UtcInstant {
  const stamp = raised.get(orgId);
  if (stamp === undefined) throw new Error(`organisation ${orgId} has no head row`);
  return stamp;
}
