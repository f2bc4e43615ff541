import { NO_ORGANISATION } from '@quarterhour/db';
import type { Delivery } from './delivery.js';
import { FaultError, type Fault, type Received } from './received.js';

/** What could be made out of a delivery before it was found faulty: enough to show it to its owner. */
export interface Claims {
  messageId: string | null;
  orgId: string;
}

/**
 * Runs the reading of one delivery and turns the first fault into a refusal, with what was made out until then.
 *
 * An error that nobody foresaw is a fault of ours, yet the delivery must end in an outcome like every other: one that is
 * skipped would be acknowledged, and lost, with those after it. It is set aside as `schema`, to be replayed once we can
 * read it.
 *
 * @param read returns the fact, which names its organisation, or throws a FaultError
 */
export function understanding<Fact extends { readonly orgId: string; readonly isOfUnknown?: boolean }>(
  delivery: Delivery,
  read: (claims: Claims) => Fact,
): Received<Fact> {
  const claims: Claims = { messageId: null, orgId: delivery.owner ?? NO_ORGANISATION };
  try {
    const fact = read(claims);
    const { orgId, isOfUnknown = false } = fact;
    return { kind: 'understood', delivery, orgId, messageId: claims.messageId, fact, isOfUnknown };
  } catch (error) {
    const fault = error instanceof FaultError ? error.fault : unforeseen(error);
    return { kind: 'refused', delivery, orgId: claims.orgId, messageId: claims.messageId, fault };
  }
}

function unforeseen(error: unknown): Fault {
  const detail = `cannot be read yet: ${error instanceof Error ? error.message : String(error)}`;
  return { reason: 'schema', path: null, detail: detail.slice(0, 500), waitsFor: null };
}

/** Text of a member that nobody has checked yet, shortened to what an id may be. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 ? value.slice(0, 200) : null;
}
