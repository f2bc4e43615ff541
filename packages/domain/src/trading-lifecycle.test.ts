import { describe, expect, test } from '@jest/globals';
import {
  afterAction,
  disabledWhenEmpty,
  TRADING_ACTIONS,
  TradingTransitionError,
  type TradingAction,
  type TradingStanding,
} from './trading-lifecycle.js';

const STANDINGS = {
  DISABLED: { state: 'DISABLED', isClosing: false },
  ENABLED: { state: 'ENABLED', isClosing: false },
  PAUSED: { state: 'PAUSED', isClosing: false },
  DRAINING: { state: 'DRAINING', isClosing: false },
  closing: { state: 'DRAINING', isClosing: true },
} as const satisfies Record<string, TradingStanding>;
type Name = keyof typeof STANDINGS;

const TABLE: readonly (readonly [Name, TradingAction, Name | 'trading_not_enabled' | 'trading_draining'])[] = [
  ['DISABLED', 'enable', 'ENABLED'],
  ['DISABLED', 'pause', 'trading_not_enabled'],
  ['DISABLED', 'resume', 'trading_not_enabled'],
  ['DISABLED', 'drain', 'trading_not_enabled'],
  ['DISABLED', 'disable', 'DISABLED'],
  ['ENABLED', 'enable', 'ENABLED'],
  ['ENABLED', 'pause', 'PAUSED'],
  ['ENABLED', 'resume', 'ENABLED'],
  ['ENABLED', 'drain', 'DRAINING'],
  ['ENABLED', 'disable', 'closing'],
  ['PAUSED', 'enable', 'PAUSED'],
  ['PAUSED', 'pause', 'PAUSED'],
  ['PAUSED', 'resume', 'ENABLED'],
  ['PAUSED', 'drain', 'DRAINING'],
  ['PAUSED', 'disable', 'closing'],
  ['DRAINING', 'enable', 'ENABLED'],
  ['DRAINING', 'pause', 'trading_draining'],
  ['DRAINING', 'resume', 'trading_draining'],
  ['DRAINING', 'drain', 'DRAINING'],
  ['DRAINING', 'disable', 'closing'],
  ['closing', 'enable', 'ENABLED'],
  ['closing', 'pause', 'trading_draining'],
  ['closing', 'resume', 'trading_draining'],
  ['closing', 'drain', 'closing'],
  ['closing', 'disable', 'closing'],
];

/** The standing after an action, or the code of what is thrown. */
function outcome(name: Name, action: TradingAction): TradingStanding | string {
  try {
    return afterAction(STANDINGS[name], action);
  } catch (error) {
    if (error instanceof TradingTransitionError) return error.code;
    throw error;
  }
}

describe('trading', () => {
  test('has every action on every standing in the table', () => {
    expect(TABLE).toHaveLength(Object.keys(STANDINGS).length * TRADING_ACTIONS.length);
    expect(new Set(TABLE.map(([name, action]) => `${name} ${action}`)).size).toBe(TABLE.length);
  });

  test.each(TABLE)('that is %s and is told to %s: %s', (name, action, expected) => {
    const isRefused = expected === 'trading_not_enabled' || expected === 'trading_draining';
    expect(outcome(name, action)).toEqual(isRefused ? expected : STANDINGS[expected]);
  });

  test.each(TABLE)('that is %s changes nothing when told to %s a second time', (name, action) => {
    const once = outcome(name, action);
    if (typeof once !== 'string') expect(afterAction(once, action)).toBe(once);
  });

  test('is disabled when it is empty, if it is closing', () => {
    expect(disabledWhenEmpty(STANDINGS.closing)).toEqual(STANDINGS.DISABLED);
    for (const name of ['DISABLED', 'ENABLED', 'PAUSED', 'DRAINING'] as const) {
      expect(disabledWhenEmpty(STANDINGS[name])).toBe(STANDINGS[name]);
    }
  });
});
