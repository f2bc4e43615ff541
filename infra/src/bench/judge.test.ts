import { describe, expect, test } from '@jest/globals';
import { GOALS } from './goals.js';
import { judge } from './judge.js';

describe('judging', () => {
  test.each([
    ['more is better, above the floor', { goal: 'ingest-naive', values: [13, 12, 40] }, 'floor', 'PASS'],
    ['more is better, below the floor', { goal: 'ingest-naive', values: [11, 40, 11] }, 'floor', 'FAIL'],
    ['above the floor, below what it must', { goal: 'ingest-naive', values: [13] }, 'must', 'FAIL'],
    ['less is better, exactly at the limit', { goal: 'latency', values: [20] }, 'must', 'PASS'],
    ['less is better, above it', { goal: 'latency', values: [20.1] }, 'must', 'FAIL'],
    ['no figure at all', { goal: 'latency', values: [] }, 'floor', 'FAIL'],
    ['a figure that is none', { goal: 'latency', values: [NaN] }, 'floor', 'FAIL'],
  ] as const)('%s', (_case, measurement, bar, verdict) => {
    expect(judge(measurement, bar).verdict).toBe(verdict);
  });

  test('what could not be measured is not judged and says why', () => {
    const judged = judge({ goal: 'export', missing: 'the API has none' }, 'must');
    expect(judged).toMatchObject({ verdict: 'not judged', missing: 'the API has none' });
  });

  test('a variant is part of what was measured', () => {
    expect(judge({ goal: 'page-50', variant: 'newest first', values: [1] }, 'floor').what).toBe(
      'page of 50 / pgbench of the same statements, newest first',
    );
  });

  test.each(Object.entries(GOALS))('the goals of %s rise from floor to aim', (_name, { better, floor, must, aim }) => {
    const rising = better === 'more' ? [floor, must, aim] : [aim, must, floor];
    expect([...rising].sort((left, right) => left - right)).toEqual(rising);
  });
});
