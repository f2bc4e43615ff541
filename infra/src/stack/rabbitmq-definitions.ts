import { createHash, randomBytes } from 'node:crypto';
import { INGEST_POLICY, VHOST, staticTopology } from '@quarterhour/contracts';

/** Definitions as RabbitMQ imports them, without users: the same for containers, the local stack and tests. */
export interface BrokerDefinitions {
  readonly vhosts: readonly { readonly name: string }[];
  readonly policies: readonly Readonly<Record<string, unknown>>[];
  readonly exchanges: readonly Readonly<Record<string, unknown>>[];
  readonly queues: readonly Readonly<Record<string, unknown>>[];
  readonly bindings: readonly Readonly<Record<string, unknown>>[];
}

/** What the virtual host holds from the start. Our topology is written in `@quarterhour/contracts` and nowhere else. */
export function brokerDefinitions(vhost: string = VHOST): BrokerDefinitions {
  const { exchanges, queues, bindings } = staticTopology();
  const { name, pattern, applyTo, priority, definition } = INGEST_POLICY;
  return {
    vhosts: [{ name: vhost }],
    policies: [{ vhost, name, pattern, 'apply-to': applyTo, priority, definition }],
    exchanges: exchanges.map((exchange) => ({
      ...exchange,
      vhost,
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    })),
    queues: queues.map((queue) => ({
      ...queue,
      vhost,
      durable: true,
      auto_delete: false,
      arguments: { 'x-queue-type': 'quorum' },
    })),
    bindings: bindings.map(({ exchange, queue, routingKey }) => ({
      source: exchange,
      vhost,
      destination: queue,
      destination_type: 'queue',
      routing_key: routingKey,
      arguments: {},
    })),
  };
}

/** The same with one administrator, which also keeps RabbitMQ from making its `guest`. */
export function definitionsWithUser(user: string, password: string): BrokerDefinitions & Record<string, unknown> {
  const everything = { configure: '.*', write: '.*', read: '.*' };
  return {
    users: [
      {
        name: user,
        password_hash: passwordHash(password),
        hashing_algorithm: 'rabbit_password_hashing_sha256',
        tags: 'administrator',
      },
    ],
    permissions: [{ user, vhost: VHOST, ...everything }],
    ...brokerDefinitions(),
  };
}

/** RabbitMQ's form: four bytes of salt, then SHA-256 of salt and password, in base64. */
function passwordHash(password: string): string {
  const salt = randomBytes(4);
  const hash = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString('base64');
}
