import { PARTNER_POLICIES, partnerVhost, partnerVhostTopology } from '@quarterhour/contracts';
import { rabbitApi } from '@quarterhour/messaging';
import type { Stack } from '../stack/index.js';

/** Makes the virtual host of an API key, as the control plane does, for our own user. @returns its URL */
export async function openKeyVhost({ broker }: Stack, keyId: string, queuePrefix: string): Promise<string> {
  const api = rabbitApi({ url: broker.apiUrl });
  const vhost = partnerVhost(keyId);
  const url = new URL(broker.amqpUrl);
  await api.putVhost(vhost);
  await api.putPermissions(vhost, decodeURIComponent(url.username), { configure: '.*', write: '.*', read: '.*' });
  await api.declare(vhost, partnerVhostTopology(queuePrefix), PARTNER_POLICIES);
  url.pathname = `/${vhost}`;
  return url.href;
}
