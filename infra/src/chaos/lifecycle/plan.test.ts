import { describe, expect, test } from '@jest/globals';
import { afterAction, disabledWhenEmpty, TRADING_ACTIONS, type TradingStanding } from '@quarterhour/domain';
import { countActions, planKills, planSteps, VICTIMS } from './plan.js';

describe('the steps of a partner', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(planSteps('a', 'acme')).toEqual(planSteps('a', 'acme'));
    expect(planSteps('a', 'acme')).not.toEqual(planSteps('b', 'acme'));
    expect(planSteps('a', 'acme')).not.toEqual(planSteps('a', 'other'));
  });

  test.each(['at once', 'never'])('all make sense and change something, when what closes is closed %s', (when) => {
    let standing: TradingStanding = { state: 'DISABLED', isClosing: false };
    for (const { action } of planSteps('a', 'acme')) {
      const next = afterAction(standing, action);
      expect(next).not.toEqual(standing);
      standing = when === 'at once' ? disabledWhenEmpty(next) : next;
    }
  });

  test('are of every kind', () => {
    const counts = countActions(planSteps('a', 'acme').map(({ action }) => action));
    expect(TRADING_ACTIONS.filter((action) => counts[action] < 20)).toEqual([]);
  });
});

test('every victim is killed in every round, in an order that follows from the seed', () => {
  const victims = planKills('a').map(({ victim }) => victim);
  expect(VICTIMS.filter((victim) => !victims.slice(0, 6).includes(victim))).toEqual([]);
  expect(planKills('a')).toEqual(planKills('a'));
  expect(planKills('a')).not.toEqual(planKills('b'));
});
