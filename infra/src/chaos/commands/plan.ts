import { randomStream } from '../random.js';

/** Who is killed, and what is taken away: the queue in which a partner is answered. */
export const FAULTS = ['worker', 'broker', 'database', 'answers unbound'] as const;
export type Fault = (typeof FAULTS)[number];

/** One fault, decided before the run begins. */
export interface PlannedFault {
  readonly fault: Fault;
  /** Which worker, or partner, modulo how many there are. */
  readonly target: number;
  /** Quiet before it. */
  readonly afterMs: number;
  /** How long it lasts. */
  readonly holdMs: number;
}

const HOLD_MS: Readonly<Record<Fault, readonly [number, number]>> = {
  worker: [0, 0],
  broker: [500, 2_000],
  database: [300, 2_000],
  'answers unbound': [1_500, 3_000],
};
const ROUND: readonly Fault[] = ['worker', 'worker', 'worker', 'broker', 'database', 'answers unbound'];
const ROUNDS = 300;

export function planFaults(seed: string): PlannedFault[] {
  const random = randomStream(`command faults ${seed}`);
  return Array.from({ length: ROUNDS }, () => random.shuffled(ROUND))
    .flat()
    .map((fault) => ({
      fault,
      target: random.between(0, 1_000),
      afterMs: random.between(1_500, 4_000),
      holdMs: random.between(...HOLD_MS[fault]),
    }));
}
