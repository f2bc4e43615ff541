import { randomBytes } from 'node:crypto';
import { brokerDefinitions } from '@quarterhour/infra/stack';
import { rabbitApi } from '@quarterhour/messaging';
import type { RabbitApi } from '@quarterhour/messaging';
import { testServers } from './environment.js';

/** A virtual host of one test file, with the topology and the policy of an installation. */
export interface TestVhost {
  readonly name: string;
  /** With the virtual host in the path. */
  readonly amqpUrl: string;
  /** Base URL of the HTTP API, with an administrator's credentials. */
  readonly apiUrl: string;
  readonly api: RabbitApi;
  /** Deletes it with all its queues, closing what is still connected. */
  drop(): Promise<void>;
}

/** @throws Error when the tests were not started by `npm test` */
export async function testVhost(): Promise<TestVhost> {
  const { amqpUrl, rabbitmqApiUrl: apiUrl } = testServers();
  const name = `quarterhour-test-${randomBytes(6).toString('hex')}`;
  const api = rabbitApi({ url: apiUrl });
  await api.putVhost(name);
  await api.putPermissions(name, decodeURIComponent(new URL(amqpUrl).username), {
    configure: '.*',
    write: '.*',
    read: '.*',
  });
  await api.importDefinitions(name, brokerDefinitions(name));
  const inVhost = new URL(amqpUrl);
  inVhost.pathname = `/${name}`;
  return { name, amqpUrl: inVhost.href, apiUrl, api, drop: () => api.deleteVhost(name) };
}
