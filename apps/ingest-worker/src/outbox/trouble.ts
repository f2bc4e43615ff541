import { keyIdOfVhost } from '@quarterhour/contracts';
import type { FailedMessage, OutboxMessage } from '@quarterhour/db';
import {
  BrokerClosedError,
  BrokerUnreachableError,
  ConfirmLostError,
  PublishRefusedError,
  UnroutableError,
} from '@quarterhour/messaging';

/**
 * Why a message is not published yet.
 *
 * - `unreachable`: it was not sent; its virtual host does not let us in, or takes nothing now
 * - `unroutable`: no queue is bound for it, which somebody has to put right
 * - `refused`: the broker did not take it, for example because a queue is full
 * - `unconfirmed`: it was sent, and nobody knows what became of it
 * - `impossible`: AMQP cannot express it, or its virtual host is no partner's
 */
export const TROUBLES = ['unreachable', 'unroutable', 'refused', 'unconfirmed', 'impossible'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Those that do not pass by themselves. */
export const LASTING_TROUBLES: readonly Trouble[] = ['unroutable', 'impossible'];

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
const UNREACHABLE_RETRY_MS = 5_000;
const LONGEST_TEXT = 1_000;

/** The virtual host that a message is for is neither ours nor like a partner's. */
export class UnknownVhostError extends Error {
  override readonly name = 'UnknownVhostError';
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof BrokerUnreachableError || error instanceof BrokerClosedError) return 'unreachable';
  if (error instanceof UnroutableError) return 'unroutable';
  if (error instanceof PublishRefusedError) return 'refused';
  if (error instanceof ConfirmLostError) return 'unconfirmed';
  return 'impossible';
}

/** What is written down about a message that could not be published. */
export function failureOf({ id, orderKey, attempts, vhost }: OutboxMessage, error: unknown): FailedMessage {
  const trouble = troubleOf(error);
  const text = `${trouble}: ${error instanceof Error ? error.message : String(error)}`;
  return {
    id,
    orderKey,
    trouble: text.replaceAll('\0', '').slice(0, LONGEST_TEXT),
    retryMs: retryMs(trouble, attempts),
    awayKeyId: trouble === 'unreachable' ? keyIdOfVhost(vhost) : null,
  };
}

/** Whoever provisions is not asked more than once a minute; what may pass by itself is tried sooner, less and less often. */
function retryMs(trouble: Trouble, attempts: number): number {
  switch (trouble) {
    case 'unroutable':
    case 'impossible':
      return LAST_RETRY_MS;
    case 'unreachable':
      return UNREACHABLE_RETRY_MS;
    case 'refused':
    case 'unconfirmed':
      return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10));
  }
}
