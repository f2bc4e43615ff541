import { saveTradingConfigBody, tradingConfig } from '@quarterhour/contracts';
import {
  noParameters,
  oneOrganisation,
  route,
  TRADING_STATE_HEADERS,
  tradingConfigReply,
  tradingSurface,
} from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { saveTradingConfig } from '../../../trading/save-config.js';

export const saveTradingConfigRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/config',
  operationId: 'saveTradingConfig',
  summary: 'Create or update the partner configuration',
  description:
    'Omitted members keep their value. The secret is kept sealed and never answered. The queue prefix changes only while trading is disabled.',
  tag: 'Configuration',
  capability: 'trading-config:write',
  params: noParameters,
  query: noParameters,
  body: saveTradingConfigBody,
  responses: {
    200: { description: 'Configuration after the change.', schema: tradingConfig, headers: TRADING_STATE_HEADERS },
  },
  handler: async ({ scope, principal, body }, ctx: ApiContext) => {
    const toSave = { orgId: oneOrganisation(scope), by: actorOf(principal), wanted: body };
    return tradingConfigReply(await saveTradingConfig(ctx, toSave));
  },
});
