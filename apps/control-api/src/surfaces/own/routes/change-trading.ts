import { TRADING_STATE_HEADER, tradingStanding, tradingStepBody } from '@quarterhour/contracts';
import type { TradingAction } from '@quarterhour/domain';
import { json, noParameters, oneOrganisation, ownSurface, route, TRADING_STATE_HEADERS } from '@quarterhour/http';
import type { ApiContext } from '../../../api-context.js';
import { actorOf } from '../../../deciding.js';
import { decideTrading } from '../../../trading/decide.js';
import { settledOrLater } from '../../../trading/settled-or-later.js';
import { presentStanding } from '../present.js';

const SETTLED_WITHIN_MS = 8_000;

export const pauseTradingRoute = tradingStep('pause', {
  summary: "Pause an organisation's trading",
  description: 'What it publishes stays queued until trading is resumed. What is paused already stays so.',
});

export const resumeTradingRoute = tradingStep('resume', {
  summary: "Resume an organisation's trading",
  description: 'What waited is taken in. What is not paused stays as it is.',
});

export const drainTradingRoute = tradingStep('drain', {
  summary: "Drain an organisation's trading",
  description:
    'Nothing more is taken in from now on, publishers are refused; what waits is stored. The queues stay: enabling opens them again, disabling removes them.',
});

function tradingStep(
  action: Extract<TradingAction, 'pause' | 'resume' | 'drain'>,
  text: { readonly summary: string; readonly description: string },
) {
  return route({
    surface: ownSurface,
    method: 'post',
    path: `/trading/${action}`,
    operationId: `${action}Trading`,
    ...text,
    tag: 'Trading',
    capability: 'trading-config:write',
    params: noParameters,
    query: noParameters,
    body: tradingStepBody,
    responses: {
      200: { description: 'How trading stands now.', schema: tradingStanding, headers: TRADING_STATE_HEADERS },
    },
    handler: async ({ scope, principal, body }, ctx: ApiContext) => {
      const orgId = oneOrganisation(scope);
      const decision = { orgId, action, by: actorOf(principal), reason: body?.reason ?? null };
      const config = await decideTrading(ctx, decision);
      if (action === 'drain') await settledOrLater(ctx, orgId, SETTLED_WITHIN_MS);
      else ctx.provisioner.soon(orgId);
      return json(presentStanding(config), { [TRADING_STATE_HEADER]: config.state });
    },
  });
}
