import { tradingConfig } from '@quarterhour/contracts';
import {
  noBody,
  noParameters,
  oneOrganisation,
  route,
  TRADING_STATE_HEADERS,
  tradingConfigReply,
  tradingSurface,
} from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { decideTrading } from '../../../trading/decide.js';

const SETTLED_WITHIN_MS = 8_000;

export const enableTradingRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/config/enable',
  operationId: 'enableTrading',
  summary: 'Enable trading and create the AMQP queues',
  description:
    'What is enabled already stays so, and what is paused stays paused. Trading that is being drained, or disabled, is opened again.',
  tag: 'Configuration',
  capability: 'trading-config:write',
  params: noParameters,
  query: noParameters,
  body: noBody,
  responses: {
    200: { description: 'Configuration with status ENABLED.', schema: tradingConfig, headers: TRADING_STATE_HEADERS },
  },
  handler: async ({ scope, principal }, ctx: ApiContext) => {
    const orgId = oneOrganisation(scope);
    await ctx.provisioner.reach();
    const config = await decideTrading(ctx, { orgId, action: 'enable', by: actorOf(principal), reason: null });
    await ctx.provisioner.settle(orgId, { withinMs: SETTLED_WITHIN_MS });
    return tradingConfigReply(config);
  },
});
