import { VHOST, keyIdOfVhost } from '@quarterhour/contracts';
import { BrokerUnreachableError, type Broker, type Publisher } from '@quarterhour/messaging';
import type { Partners } from '../partners.js';
import { UnknownVhostError } from './trouble.js';

/** The relay tries again by itself: what cannot be sent soon is not to be sent later, when it may not be its turn. */
export const SEND_WITHIN_MS = 2_000;

/**
 * What publishes into a virtual host: {@link VHOST} stands for ours, whatever it is called; a key's is published into by
 * whoever consumes from it.
 */
export function publishers(
  broker: Pick<Broker, 'publisher'>,
  partners: Pick<Partners, 'publisherIn'>,
): (vhost: string) => Publisher {
  let ours: Publisher | null = null;
  return (vhost) => {
    if (vhost === VHOST) return (ours ??= broker.publisher({ sendWithinMs: SEND_WITHIN_MS }));
    if (keyIdOfVhost(vhost) === null) throw new UnknownVhostError(`${vhost} is neither ours nor a partner's`);
    const publisher = partners.publisherIn(vhost);
    if (publisher === null) throw new BrokerUnreachableError(`${vhost} does not let us in`);
    return publisher;
  };
}
