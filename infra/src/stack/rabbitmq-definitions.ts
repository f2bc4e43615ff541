import { createHash, randomBytes } from 'node:crypto';
import { CENTRAL_POLICIES, VHOST, staticTopology } from '@quarterhour/contracts';
import { definitionsOf } from '@quarterhour/messaging';

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
  const { policies, exchanges, queues, bindings } = definitionsOf(staticTopology(), CENTRAL_POLICIES);
  const inVhost = (definition: Readonly<Record<string, unknown>>) => ({ vhost, ...definition });
  return {
    vhosts: [{ name: vhost }],
    policies: policies.map(inVhost),
    exchanges: exchanges.map(inVhost),
    queues: queues.map(inVhost),
    bindings: bindings.map(inVhost),
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
