import { describe, expect, test } from '@jest/globals';
import { backOff, endsWithin } from './timing.js';

describe('the delay before another attempt', () => {
  test.each([
    [1, 50, 100],
    [2, 100, 200],
    [3, 200, 400],
    [7, 2_500, 5_000],
    [10_000, 2_500, 5_000],
  ])('after %i failures is between %i and %i ms', (failures, least, most) => {
    for (let time = 0; time < 200; time += 1) {
      expect(backOff(failures)).toBeGreaterThanOrEqual(least);
      expect(backOff(failures)).toBeLessThanOrEqual(most);
    }
  });

  test('differs from time to time', () => {
    expect(new Set(Array.from({ length: 50 }, () => backOff(7))).size).toBeGreaterThan(5);
  });
});

describe('waiting for something that may fail or never end', () => {
  test('tells a good end from the others', async () => {
    expect(await endsWithin(1_000, Promise.resolve())).toBe(true);
    expect(await endsWithin(1_000, Promise.reject(new Error('no')))).toBe(false);
    expect(await endsWithin(10, new Promise(() => undefined))).toBe(false);
  });
});
