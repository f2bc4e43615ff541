import { NO_ORGANISATION } from '@quarterhour/db';
import type { Delivery } from './delivery.js';
import { FaultError, type Received } from './received.js';

/** What could be made out of a delivery before it was found faulty: enough to show it to its owner. */
export interface Claims {
  messageId: string | null;
  orgId: string;
}

/**
 * Runs the reading of one delivery and turns the first fault into a refusal, with what was made out until then.
 *
 * @param read returns the fact, which names its organisation, or throws a FaultError
 */
export function understanding<Fact extends { readonly orgId: string }>(
  delivery: Delivery,
  read: (claims: Claims) => Fact,
): Received<Fact> {
  const claims: Claims = { messageId: null, orgId: NO_ORGANISATION };
  try {
    const fact = read(claims);
    return { kind: 'understood', delivery, orgId: fact.orgId, fact };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { kind: 'refused', delivery, orgId: claims.orgId, messageId: claims.messageId, fault: error.fault };
  }
}

/** Text of a member that nobody has checked yet, shortened to what an id may be. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 ? value.slice(0, 200) : null;
}
