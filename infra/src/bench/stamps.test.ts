import { describe, expect, test } from '@jest/globals';
import { latencyOf, rateOf } from './stamps.js';

describe('a rate', () => {
  const stamps = [
    { at: 0, n: 10 },
    { at: 500, n: 100 },
    { at: 1_000, n: 1_000 },
    { at: 1_500, n: 1_000 },
    { at: 2_000, n: 7 },
  ];

  test('counts what was stored between the first stamp and the last', () => {
    expect(rateOf(stamps, 0)).toBe(2_110 / 2);
  });

  test('begins with the first batch that lies wholly after the warm-up', () => {
    expect(rateOf(stamps, 50)).toBe(2_000);
    expect(rateOf(stamps, 110)).toBe(2_000);
  });

  test('needs two batches', () => {
    expect(() => rateOf(stamps, 2_110)).toThrow(RangeError);
    expect(() => rateOf([], 0)).toThrow(RangeError);
  });
});

describe('a latency', () => {
  test('ends with the stamp of the next batch, and leaves the last batch out', () => {
    const messages = [
      { sent: 1_000, stamped: 2_000 },
      { sent: 1_500, stamped: 2_000 },
      { sent: 2_500, stamped: 5_000 },
      { sent: 4_500, stamped: 9_000 },
    ];
    expect(latencyOf(messages, 0)).toEqual({
      messages: 3,
      stamped: { p50: 1, p99: 2.5 },
      committed: { p50: 4, p99: 6.5, max: 6.5 },
    });
  });

  test('begins after the warm-up', () => {
    const messages = [
      { sent: 0, stamped: 90_000 },
      { sent: 95_000, stamped: 96_000 },
      { sent: 98_000, stamped: 99_000 },
    ];
    expect(latencyOf(messages, 50_000)).toMatchObject({ messages: 1, committed: { max: 4 } });
  });
});
