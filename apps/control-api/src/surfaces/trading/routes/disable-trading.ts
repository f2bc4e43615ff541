import { tradingConfig } from '@quarterhour/contracts';
import { findTradingConfig } from '@quarterhour/db';
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
import { decideTrading, registered } from '../../../trading/decide.js';
import { settledOrLater } from '../../../trading/settled-or-later.js';

const SETTLED_WITHIN_MS = 10_000;

export const disableTradingRoute = route({
  surface: tradingSurface,
  method: 'post',
  path: '/config/disable',
  operationId: 'disableTrading',
  summary: 'Disable trading and remove the AMQP queues',
  description:
    'Nothing more is taken in from now on. What waits is stored, then the queues go, and with them what the partner did not fetch. Where that takes more than 10 seconds, status is ENABLED and the header says DRAINING; it ends by itself.',
  tag: 'Configuration',
  capability: 'trading-config:write',
  params: noParameters,
  query: noParameters,
  body: noBody,
  responses: {
    200: {
      description: 'Configuration with status DISABLED, or ENABLED while it is being drained.',
      schema: tradingConfig,
      headers: TRADING_STATE_HEADERS,
    },
  },
  handler: async ({ scope, principal }, ctx: ApiContext) => {
    const orgId = oneOrganisation(scope);
    await decideTrading(ctx, { orgId, action: 'disable', by: actorOf(principal), reason: null });
    await settledOrLater(ctx, orgId, SETTLED_WITHIN_MS);
    return tradingConfigReply(registered(await ctx.db.read([orgId], (trx) => findTradingConfig(trx, orgId))));
  },
});
