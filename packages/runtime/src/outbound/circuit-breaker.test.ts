import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fixedClock } from '../clock.js';
import { CircuitBreaker } from './circuit-breaker.js';

const NOW = '2026-01-15T10:00:00Z';
const OPEN_MS = 30_000;

function aBreaker(failures = 3) {
  const clock = fixedClock(NOW);
  const breaker = new CircuitBreaker({ clock, failures, openMs: OPEN_MS });
  const ask = (wentWell: boolean, key = 'partner'): boolean => {
    const attempt = breaker.enter(key);
    attempt?.ended(wentWell);
    return attempt !== null;
  };
  return { breaker, clock, ask };
}

test('stays closed as long as not enough failures follow each other', () => {
  const { ask } = aBreaker();
  for (const wentWell of [false, false, true, false, false, true, false, false]) expect(ask(wentWell)).toBe(true);
});

test('opens after failures in a row, for its time, for that partner alone', () => {
  const { ask, clock } = aBreaker();
  for (let n = 0; n < 3; n += 1) expect(ask(false)).toBe(true);
  clock.advance(OPEN_MS - 1);
  expect([ask(true), ask(true, 'other')]).toEqual([false, true]);
});

test('lets one attempt alone decide when its time is over', () => {
  const { breaker, ask, clock } = aBreaker();
  for (let n = 0; n < 3; n += 1) ask(false);
  clock.advance(OPEN_MS);
  const probe = breaker.enter('partner');
  expect([probe === null, breaker.enter('partner')]).toEqual([false, null]);
  probe?.ended(false);
  expect(ask(true)).toBe(false);
  clock.advance(OPEN_MS);
  expect([ask(true), ask(false), ask(false), ask(true)]).toEqual([true, true, true, true]);
});

test('is not closed by what began before it was opened', () => {
  const { breaker, ask } = aBreaker();
  const early = breaker.enter('partner');
  for (let n = 0; n < 3; n += 1) ask(false);
  early?.ended(true);
  expect(ask(true)).toBe(false);
});

test('never asks more than its failures and one attempt in each of its times, whoever never answers', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: OPEN_MS }), { maxLength: 60 }), (pauses) => {
      const { ask, clock } = aBreaker(5);
      let asked = 0;
      let passed = 0;
      for (const pause of pauses) {
        clock.advance(pause);
        passed += pause;
        if (ask(false)) asked += 1;
      }
      expect(asked).toBeLessThanOrEqual(5 + Math.ceil(passed / OPEN_MS));
    }),
  );
});
