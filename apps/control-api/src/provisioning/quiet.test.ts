import { expect, test } from '@jest/globals';
import { fixedClock } from '@quarterhour/runtime';
import { Quiet } from './quiet.js';

const SAMPLING_MS = 1_000;

function aWatch() {
  const clock = fixedClock('2026-03-01T10:00:00Z');
  const quiet = new Quiet(SAMPLING_MS, clock);
  return {
    quiet,
    /** What is answered to a count taken some time later. */
    later: (millis: number, counted: number): boolean => {
      clock.advance(millis);
      return quiet.isEmpty('place', counted);
    },
  };
}

test('a place that looks empty at once is not: the count may be older than the last message', () => {
  const { later } = aWatch();
  expect([later(0, 0), later(999, 0), later(1, 0), later(999, 0), later(1, 0)]).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});

test('a message that is counted begins it all anew', () => {
  const { later } = aWatch();
  expect([later(0, 0), later(1_000, 0), later(500, 1), later(500, 0), later(999, 0), later(1, 0)]).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

test('where nothing moves, the first count that is late enough is enough', () => {
  const clock = fixedClock('2026-03-01T10:00:00Z');
  const quiet = new Quiet(SAMPLING_MS, clock);
  const later = (millis: number, counted: number) => {
    clock.advance(millis);
    return quiet.wasEmpty('place', counted);
  };
  expect([later(0, 0), later(999, 0), later(1, 1), later(1, 0)]).toEqual([false, false, false, true]);
});

test('places are told apart, and forgotten by the beginning of their name', () => {
  const { quiet, later } = aWatch();
  later(0, 0);
  later(1_000, 0);
  expect(quiet.isEmpty('another', 0)).toBe(false);
  expect(later(1_000, 0)).toBe(true);
  quiet.forget('pla');
  expect(later(0, 0)).toBe(false);
});
