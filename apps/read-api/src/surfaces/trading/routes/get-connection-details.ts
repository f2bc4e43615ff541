import { connectionDetails } from '@quarterhour/contracts';
import { findTradingConfig, listPartnerVhosts } from '@quarterhour/db';
import { defaultQueuePrefix } from '@quarterhour/domain';
import { json, noBody, noParameters, oneOrganisation, RequestRefused, route, tradingSurface } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { presentConnectionDetails } from '../connection-details.js';

export const getConnectionDetailsRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/connection-details',
  operationId: 'getConnectionDetails',
  summary: 'AMQP connection details for the partner',
  description: 'Each key has a virtual host of its own; the bundle that comes with a key names it.',
  tag: 'Configuration',
  capability: 'trading-config:read',
  params: noParameters,
  query: noParameters,
  body: noBody,
  answersOneResource: true,
  responses: { 200: { description: 'Broker address, exchange and queues.', schema: connectionDetails } },
  handler: async ({ scope }, { db, partnerBroker }: ApiContext) => {
    const orgId = oneOrganisation(scope);
    const { config, vhosts } = await db.read([orgId], async (trx) => ({
      config: await findTradingConfig(trx, orgId),
      vhosts: await listPartnerVhosts(trx, orgId),
    }));
    if (config === null) throw new RequestRefused({ kind: 'forbidden' });
    const newestKey = vhosts.findLast(({ isLive }) => isLive)?.keyId ?? null;
    const { slug, queuePrefix: chosen } = config;
    return json(
      presentConnectionDetails(partnerBroker, { slug, queuePrefix: chosen ?? defaultQueuePrefix(slug), newestKey }),
    );
  },
});
