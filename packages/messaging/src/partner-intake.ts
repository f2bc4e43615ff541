import { inboundQueue, EXCHANGES, INBOUND_FAMILIES, refusalTopology, refusingQueue } from '@quarterhour/contracts';
import type { InboundFamily } from '@quarterhour/contracts';
import type { RabbitApi } from './rabbit-api.js';

/**
 * Has the broker refuse what a partner publishes, with a nack, from the moment that this returns. What is queued stays,
 * and is consumed as before. May be repeated.
 *
 * A message that arrives meanwhile is refused and may be queued all the same; sent again later it is a copy.
 *
 * @param families what is refused; a later call with fewer does not accept the others again
 * @throws BrokerApiError
 */
export async function stopIntake(
  api: RabbitApi,
  vhost: string,
  prefix: string,
  families: readonly InboundFamily[] = INBOUND_FAMILIES,
): Promise<void> {
  await api.declare(vhost, refusalTopology(prefix, families));
  for (const binding of inboundBindings(prefix, families)) await api.deleteBinding(vhost, binding);
}

/**
 * Has the broker take again what {@link stopIntake} had it refuse. The queues themselves have to be there. May be repeated.
 *
 * @param families those whose queues exist in this virtual host
 * @throws BrokerApiError
 */
export async function resumeIntake(
  api: RabbitApi,
  vhost: string,
  prefix: string,
  families: readonly InboundFamily[] = INBOUND_FAMILIES,
): Promise<void> {
  await api.declare(vhost, { exchanges: [], queues: [], bindings: inboundBindings(prefix, families) });
  await api.deleteQueue(vhost, refusingQueue(prefix));
}

function inboundBindings(prefix: string, families: readonly InboundFamily[]) {
  return families.map((family) => {
    const { name, routingKey } = inboundQueue(prefix, family);
    return { exchange: EXCHANGES.vcp, queue: name, routingKey };
  });
}
