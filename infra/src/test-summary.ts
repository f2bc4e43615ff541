import { z } from 'zod';

/** What is used of the file that jest writes with `--json --outputFile`. */
const jestResults = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  numRuntimeErrorTestSuites: z.number(),
});

export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
  /** `12 passed, 0 failed`, with `, 1 skipped` when any were. */
  readonly text: string;
}

/**
 * Counts a run by jest's own file. A test file that could not even be loaded counts as one failure; no readable file at
 * all as nothing run.
 */
export function summaryOf(json: string): TestSummary {
  const results = json === '' ? undefined : jestResults.parse(JSON.parse(json));
  const passed = results?.numPassedTests ?? 0;
  const failed = (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0);
  const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
  return {
    passed,
    failed,
    text: `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  };
}
