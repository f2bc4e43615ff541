import { QUORUM, type Policy, type Topology } from '@quarterhour/contracts';

type Definition = Readonly<Record<string, unknown>>;

/** Declarations as RabbitMQ imports them into one virtual host. */
export interface ImportableDefinitions {
  readonly policies: readonly Definition[];
  readonly exchanges: readonly Definition[];
  readonly queues: readonly Definition[];
  readonly bindings: readonly Definition[];
}

/** The same topology in RabbitMQ's own format. Names no virtual host: it is the one that imports. */
export function definitionsOf(
  { exchanges, queues, bindings }: Topology,
  policies: readonly Policy[] = [],
): ImportableDefinitions {
  const kept = { durable: true, auto_delete: false };
  return {
    policies: policies.map(({ applyTo, ...policy }) => ({ ...policy, 'apply-to': applyTo })),
    exchanges: exchanges.map((exchange) => ({ ...exchange, ...kept, internal: false, arguments: {} })),
    queues: queues.map(({ name, arguments: own = QUORUM }) => ({ name, ...kept, arguments: own })),
    bindings: bindings.map(({ exchange, queue, routingKey }) => ({
      source: exchange,
      destination: queue,
      destination_type: 'queue',
      routing_key: routingKey,
      arguments: {},
    })),
  };
}
