import { describe, expect, test } from '@jest/globals';
import { summaryOf } from './test-summary.js';

const RESULTS = {
  numPassedTests: 12,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
};

describe('the last line of npm test', () => {
  test.each([
    ['all passed', {}, '12 passed, 0 failed'],
    ['some failed', { numFailedTests: 2 }, '12 passed, 2 failed'],
    ['a file could not be loaded', { numRuntimeErrorTestSuites: 1 }, '12 passed, 1 failed'],
    ['some were skipped or only planned', { numPendingTests: 1, numTodoTests: 2 }, '12 passed, 0 failed, 3 skipped'],
  ])('when %s', (_case, different, text) => {
    expect(summaryOf(JSON.stringify({ ...RESULTS, ...different })).text).toBe(text);
  });

  test('when jest wrote nothing', () => {
    expect(summaryOf('')).toEqual({ passed: 0, failed: 0, text: '0 passed, 0 failed' });
  });
});
