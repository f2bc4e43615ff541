import { describe, expect, test } from '@jest/globals';
import { fixedClock, sleep, systemClock } from './clock.js';

describe('the system clock', () => {
  test('tells the same time as number and as canonical text', () => {
    const before = systemClock.nowMillis();
    const text = systemClock.nowInstantText();
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
    expect(Date.parse(text)).toBeGreaterThanOrEqual(before);
  });

  test('has a monotonic time that moves on', async () => {
    const before = systemClock.monotonicMillis();
    await sleep(15);
    expect(systemClock.monotonicMillis() - before).toBeGreaterThan(10);
  });
});

describe('a fixed clock', () => {
  test('stands still until it is advanced', () => {
    const clock = fixedClock('2026-03-29T03:00:00+02:00');
    expect(clock.nowInstantText()).toBe('2026-03-29T01:00:00Z');
    clock.advance(250);
    expect(clock.nowInstantText()).toBe('2026-03-29T01:00:00.250Z');
    expect(clock.monotonicMillis()).toBe(250);
  });

  test('can be set back without turning the monotonic time back', () => {
    const clock = fixedClock('2026-03-29T01:00:00Z');
    clock.advance(1000);
    clock.setTo('2020-01-01T00:00:00Z');
    expect(clock.nowMillis()).toBe(Date.UTC(2020, 0, 1));
    expect(clock.monotonicMillis()).toBe(1000);
  });

  test.each(['2026-03-29', '2026-03-29T01:00:00', 'yesterday'])('refuses %s, which is no instant', (text) => {
    expect(() => fixedClock(text)).toThrow(RangeError);
  });

  test('refuses to go back by advancing', () => {
    expect(() => fixedClock('2026-03-29T01:00:00Z').advance(-1)).toThrow(RangeError);
  });
});

describe('sleep', () => {
  test('ends early when its signal is aborted, without an error', async () => {
    const stopping = new AbortController();
    const before = systemClock.monotonicMillis();
    const asleep = sleep(60_000, stopping.signal);
    stopping.abort();
    await asleep;
    expect(systemClock.monotonicMillis() - before).toBeLessThan(1000);
  });

  test('does not start when its signal is aborted already', async () => {
    await expect(sleep(60_000, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
