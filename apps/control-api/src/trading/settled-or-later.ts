import { BrokerApiError } from '@quarterhour/messaging';
import type { ApiContext } from '../api-context.js';

/**
 * Waits until the broker looks as was decided, for a while. A broker that is out of reach takes nothing in either: what was
 * decided holds, and is made up for when it is back.
 */
export async function settledOrLater(
  { provisioner, log }: Pick<ApiContext, 'provisioner' | 'log'>,
  orgId: string,
  withinMs: number,
): Promise<void> {
  try {
    await provisioner.settle(orgId, { withinMs });
  } catch (error) {
    if (!(error instanceof BrokerApiError)) throw error;
    log.warn({ err: error, organisation: orgId }, 'what was decided about trading is made up for later');
  }
}
