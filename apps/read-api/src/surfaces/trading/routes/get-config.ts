import { tradingConfig } from '@quarterhour/contracts';
import { findTradingConfig } from '@quarterhour/db';
import {
  noBody,
  noParameters,
  oneOrganisation,
  RequestRefused,
  route,
  TRADING_STATE_HEADERS,
  tradingConfigReply,
  tradingSurface,
} from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';

export const getTradingConfigRoute = route({
  surface: tradingSurface,
  method: 'get',
  path: '/config',
  operationId: 'getTradingConfig',
  summary: 'Read the partner configuration',
  description: 'An organisation that never configured trading has a disabled one with empty connection fields.',
  tag: 'Configuration',
  capability: 'trading-config:read',
  params: noParameters,
  query: noParameters,
  body: noBody,
  answersOneResource: true,
  responses: { 200: { description: 'Configuration.', schema: tradingConfig, headers: TRADING_STATE_HEADERS } },
  handler: async ({ scope }, { db }: ApiContext) => {
    const orgId = oneOrganisation(scope);
    const config = await db.read([orgId], (trx) => findTradingConfig(trx, orgId));
    if (config === null) throw new RequestRefused({ kind: 'forbidden' });
    return tradingConfigReply(config);
  },
});
