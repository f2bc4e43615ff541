import { TRADING_STATE_HEADER, type TradingConfigOutput } from '@quarterhour/contracts';
import { defaultQueuePrefix, type TradingState } from '@quarterhour/domain';
import { json, type TextReply } from '../reply.js';

/** What both APIs know of an organisation's trading configuration when they answer it. */
export interface PresentableTradingConfig {
  readonly orgId: string;
  readonly id: string;
  readonly slug: string;
  readonly queuePrefix: string | null;
  readonly state: TradingState;
  readonly esmApiUrl: string | null;
  readonly esmClientId: string | null;
  readonly hasEsmClientSecret: boolean;
  readonly lastSyncAt: string | null;
  readonly lastSyncError: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The trading API's answer: the contract's body, and in a header the state that it has no word for. */
export function tradingConfigReply(config: PresentableTradingConfig): TextReply {
  const body: TradingConfigOutput = {
    createdAt: config.createdAt,
    esmApiUrl: config.esmApiUrl,
    esmClientId: config.esmClientId,
    hasEsmCredentials: config.esmClientId !== null && config.hasEsmClientSecret,
    id: config.id,
    lastSyncAt: config.lastSyncAt,
    lastSyncError: config.lastSyncError,
    organizationId: config.orgId,
    queuePrefix: config.queuePrefix ?? defaultQueuePrefix(config.slug),
    status: config.state === 'DISABLED' ? 'DISABLED' : 'ENABLED',
    updatedAt: config.updatedAt,
  };
  return json(body, { [TRADING_STATE_HEADER]: config.state });
}

/** What a route says of that header, for its description. */
export const TRADING_STATE_HEADERS = {
  [TRADING_STATE_HEADER]: 'How trading stands: DISABLED, ENABLED, PAUSED or DRAINING.',
} as const;
