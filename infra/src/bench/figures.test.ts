import { describe, expect, test } from '@jest/globals';
import { median, percentile, ratios, short } from './figures.js';

describe('figures', () => {
  test.each([
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[7], 7],
    [[], NaN],
  ])('the median of %p is %p', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test('a percentile is one of the figures, by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(percentile(values, 99)).toBe(198);
    expect(percentile(values, 50)).toBe(100);
    expect(percentile(values, 100)).toBe(200);
    expect(percentile([5], 99)).toBe(5);
    expect(percentile([], 99)).toBeNaN();
  });

  test('rounds are compared with their own counterpart', () => {
    expect(ratios([10, 30], [5, 10])).toEqual([2, 3]);
    expect(ratios([10, 30], [5])).toEqual([2, NaN]);
  });

  test.each([
    [0.41234, '0.412'],
    [18.34, '18.3'],
    [36_123.4, '36,100'],
    [5, '5'],
  ])('%p is written %s', (value, text) => {
    expect(short(value)).toBe(text);
  });
});
