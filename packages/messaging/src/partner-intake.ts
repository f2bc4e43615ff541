import {
  EXCHANGES,
  fanOutBinding,
  fanOutQueue,
  INBOUND_FAMILIES,
  inboundQueue,
  keyIdOfVhost,
  QUEUES,
  refusalTopology,
  refusingQueue,
} from '@quarterhour/contracts';
import type { InboundFamily, Topology } from '@quarterhour/contracts';
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
  if (families.includes('telemetry'))
    await api.deleteBinding(vhost, fanOutBinding(prefix, fanOutQueueIn(vhost, prefix)));
}

/**
 * Has the broker take again what {@link stopIntake} had it refuse. The queues themselves have to be there. May be repeated.
 * In our own virtual host whoever fans out binds for himself.
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
  await bind(api, vhost, inboundBindings(prefix, families));
  if (keyIdOfVhost(vhost) !== null && families.includes('telemetry')) {
    await bind(api, vhost, [fanOutBinding(prefix, fanOutQueue(prefix))]);
  }
  await api.deleteQueue(vhost, refusingQueue(prefix));
}

function bind(api: RabbitApi, vhost: string, bindings: Topology['bindings']): Promise<void> {
  return api.declare(vhost, { exchanges: [], queues: [], bindings });
}

function fanOutQueueIn(vhost: string, prefix: string): string {
  return keyIdOfVhost(vhost) === null ? QUEUES.fanOut : fanOutQueue(prefix);
}

function inboundBindings(prefix: string, families: readonly InboundFamily[]) {
  return families.map((family) => {
    const { name, routingKey } = inboundQueue(prefix, family);
    return { exchange: EXCHANGES.vcp, queue: name, routingKey };
  });
}
