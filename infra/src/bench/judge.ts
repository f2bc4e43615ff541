import { median } from './figures.js';
import { GOALS, type Goal, type GoalName } from './goals.js';

/** What was measured for one row of the table: a figure per round, or why there is none. */
export type Measurement = {
  readonly goal: GoalName;
  /** Which of several, for example `newest first`. */
  readonly variant?: string;
} & ({ readonly values: readonly number[] } | { readonly missing: string });

/** Against what a run is judged: a build by the floors, a release by what it must reach. */
export type Bar = 'floor' | 'must';

export type Verdict = 'PASS' | 'FAIL' | 'not judged';

export interface Judged {
  readonly what: string;
  readonly goal: Goal;
  readonly values: readonly number[];
  readonly median: number;
  readonly verdict: Verdict;
  /** Why it is not judged. */
  readonly missing: string | null;
}

/** The median counts: one disturbed round decides nothing. A median that is no number fails. */
export function judge(measurement: Measurement, bar: Bar): Judged {
  const goal = GOALS[measurement.goal];
  const what = measurement.variant === undefined ? goal.what : `${goal.what}, ${measurement.variant}`;
  if ('missing' in measurement) {
    return { what, goal, values: [], median: NaN, verdict: 'not judged', missing: measurement.missing };
  }
  const middle = median(measurement.values);
  return {
    what,
    goal,
    values: measurement.values,
    median: middle,
    verdict: reaches(middle, goal, bar) ? 'PASS' : 'FAIL',
    missing: null,
  };
}

function reaches(value: number, goal: Goal, bar: Bar): boolean {
  return goal.better === 'more' ? value >= goal[bar] : value <= goal[bar];
}
