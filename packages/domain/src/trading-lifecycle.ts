import { DomainError } from './errors.js';

/**
 * How an organisation's trading stands. One that never configured anything is `DISABLED`.
 *
 * - `ENABLED`: its messages are taken in
 * - `PAUSED`: what it publishes stays queued
 * - `DRAINING`: it can publish nothing more, what is queued is taken in
 */
export const TRADING_STATES = ['DISABLED', 'ENABLED', 'PAUSED', 'DRAINING'] as const;
export type TradingState = (typeof TRADING_STATES)[number];

/** What somebody may do to an organisation's trading. */
export const TRADING_ACTIONS = ['enable', 'pause', 'resume', 'drain', 'disable'] as const;
export type TradingAction = (typeof TRADING_ACTIONS)[number];

/** How trading stands as far as the next action depends on it. */
export interface TradingStanding {
  readonly state: TradingState;
  /** Whether its queues go when they are empty. Only of what is `DRAINING`. */
  readonly isClosing: boolean;
}

/** An action that makes no sense as trading stands. Nothing changed. */
export class TradingTransitionError extends DomainError {
  override readonly name = 'TradingTransitionError';
  /** `trading_not_enabled` when it is disabled, `trading_draining` when it is on its way there. */
  readonly code: 'trading_not_enabled' | 'trading_draining';

  constructor(code: 'trading_not_enabled' | 'trading_draining', message: string) {
    super(message);
    this.code = code;
  }
}

const ENABLED: TradingStanding = { state: 'ENABLED', isClosing: false };
const PAUSED: TradingStanding = { state: 'PAUSED', isClosing: false };
const DRAINING: TradingStanding = { state: 'DRAINING', isClosing: false };
const CLOSING: TradingStanding = { state: 'DRAINING', isClosing: true };

/**
 * How trading stands after an action: `DISABLED → ENABLED ⇄ PAUSED → DRAINING → DISABLED`.
 *
 * What is so already stays so. Enabling opens again what is being drained, but does not undo a pause, which is somebody's
 * decision of its own. Disabling never ends at once: trading is drained until {@link disabledWhenEmpty}.
 *
 * @returns the very standing that was given when nothing changes
 * @throws TradingTransitionError when a partner that takes no part is to be paused, resumed or drained, or one that is being
 *   drained is to be paused or resumed
 */
export function afterAction(standing: TradingStanding, action: TradingAction): TradingStanding {
  const { state } = standing;
  switch (action) {
    case 'enable':
      return state === 'ENABLED' || state === 'PAUSED' ? standing : ENABLED;
    case 'pause':
      return state === 'PAUSED' ? standing : from(standing, PAUSED);
    case 'resume':
      return state === 'ENABLED' ? standing : from(standing, ENABLED);
    case 'drain':
      if (state === 'DISABLED') throw notEnabled();
      return state === 'DRAINING' ? standing : DRAINING;
    case 'disable':
      return state === 'DISABLED' || standing.isClosing ? standing : CLOSING;
  }
}

/** What trading that is closing becomes when nothing of it is left; anything else stays as it is. */
export function disabledWhenEmpty(standing: TradingStanding): TradingStanding {
  return standing.isClosing ? { state: 'DISABLED', isClosing: false } : standing;
}

function from({ state }: TradingStanding, next: TradingStanding): TradingStanding {
  if (state === 'DISABLED') throw notEnabled();
  if (state === 'DRAINING') {
    throw new TradingTransitionError('trading_draining', 'trading is being drained; enable it to open it again');
  }
  return next;
}

function notEnabled(): TradingTransitionError {
  return new TradingTransitionError('trading_not_enabled', 'trading is not enabled');
}
