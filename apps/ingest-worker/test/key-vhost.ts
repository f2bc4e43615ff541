import { EXCHANGES, PARTNER_POLICIES, partnerVhost, partnerVhostTopology } from '@quarterhour/contracts';
import { openBroker, type Broker, type OutgoingMessage, type Publisher, type RabbitApi } from '@quarterhour/messaging';
import { testServers } from '@quarterhour/testkit';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The virtual host of one key, as the control plane makes it. */
export interface KeyVhost {
  readonly name: string;
  readonly publisher: Publisher;
  readonly broker: Broker;
  publish(routingKey: string, message: object | string, more?: Partial<OutgoingMessage>): Promise<void>;
  /** Deletes it with all its queues, closing what is still connected. */
  drop(): Promise<void>;
}

/** Makes the virtual host of a key. */
export async function aKeyVhost(api: RabbitApi, keyId: string, prefix: string): Promise<KeyVhost> {
  const name = partnerVhost(keyId);
  const url = new URL(testServers().amqpUrl);
  const everything = { configure: '.*', write: '.*', read: '.*' };
  await api.putVhost(name);
  await api.putPermissions(name, decodeURIComponent(url.username), everything);
  for (const policy of PARTNER_POLICIES) await api.putPolicy(name, policy);
  await api.declare(name, partnerVhostTopology(prefix));
  url.pathname = `/${name}`;
  const broker = await openBroker({ url: url.href, applicationName: 'a partner', log: quiet });
  const publisher = broker.publisher();
  return {
    name,
    publisher,
    broker,
    publish: (routingKey, message, more = {}) =>
      publisher.publish({
        exchange: EXCHANGES.vcp,
        routingKey,
        body: Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)),
        ...more,
      }),
    async drop() {
      await broker.close();
      await api.deleteVhost(name);
    },
  };
}
