import { endsWithin } from '@quarterhour/runtime';
import type { ApiContext } from '../../api-context.js';
import { settledOrLater } from '../../trading/settled-or-later.js';

const BROKER_WAIT_MS = 1_000;

/**
 * Makes the broker look as was decided about a key, once, and waits for that for a while. What is decided holds already: a
 * broker that is slow or down keeps nobody waiting, and is looked after until it is right.
 */
export async function begunOnBroker(ctx: Pick<ApiContext, 'provisioner' | 'log'>, orgId: string): Promise<void> {
  await endsWithin(BROKER_WAIT_MS, settledOrLater(ctx, orgId, 0));
}
