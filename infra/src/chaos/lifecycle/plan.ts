import type { TradingAction } from '@quarterhour/domain';
import { randomStream } from '../random.js';

/** How a partner stands as far as its next step depends on it: what is closing may be closed by then. */
type Standing = 'enabled' | 'paused' | 'draining' | 'closed';

interface Choice {
  readonly action: TradingAction;
  readonly share: number;
  readonly to: Standing;
}

/** What a trader may do next, and how often it is done. */
const CHOICES: Readonly<Record<Standing, readonly Choice[]>> = {
  enabled: [
    { action: 'pause', share: 4, to: 'paused' },
    { action: 'drain', share: 2, to: 'draining' },
    { action: 'disable', share: 4, to: 'closed' },
  ],
  paused: [
    { action: 'resume', share: 5, to: 'enabled' },
    { action: 'drain', share: 2, to: 'draining' },
    { action: 'disable', share: 3, to: 'closed' },
  ],
  draining: [
    { action: 'enable', share: 6, to: 'enabled' },
    { action: 'disable', share: 4, to: 'closed' },
  ],
  closed: [{ action: 'enable', share: 1, to: 'enabled' }],
};

/** How long a partner is left as it is, in milliseconds. Closing takes seconds: some are opened again before it is over. */
const REST_MS: Readonly<Record<Standing, readonly [number, number]>> = {
  enabled: [2_000, 8_000],
  paused: [500, 3_000],
  draining: [300, 3_000],
  closed: [200, 6_000],
};

/** One step of a partner's lifecycle, and how long everything stays as it is before. */
export interface PlannedStep {
  readonly action: TradingAction;
  readonly afterMs: number;
}

const STEPS = 2_000;

/** Decides every step of a partner before the run begins: the same seed gives the same steps. Closed at the beginning. */
export function planSteps(seed: string, partner: string): PlannedStep[] {
  const random = randomStream(`steps ${seed} ${partner}`);
  let standing: Standing = 'closed';
  return Array.from({ length: STEPS }, (_, index): PlannedStep => {
    const afterMs = index === 0 ? random.between(0, 1_000) : random.between(...REST_MS[standing]);
    const { action, to } = pick(CHOICES[standing], random.fraction());
    standing = to;
    return { action, afterMs };
  });
}

function pick(choices: readonly Choice[], fraction: number): Choice {
  const total = choices.reduce((sum, { share }) => sum + share, 0);
  let left = fraction * total;
  const chosen = choices.find(({ share }) => (left -= share) < 0) ?? choices.at(-1);
  if (chosen === undefined) throw new RangeError('there is nothing to choose from');
  return chosen;
}

/** Who is killed. The control API is killed while it does what was decided. */
export const VICTIMS = ['control-api', 'worker', 'broker'] as const;
export type Victim = (typeof VICTIMS)[number];

/** One kill, decided before the run begins. */
export interface PlannedKill {
  readonly victim: Victim;
  /** Which worker, modulo how many there are. */
  readonly target: number;
  /** Quiet before it. */
  readonly afterMs: number;
  /** Of the control API: from when a step is asked for. Of the broker: until it is started again. */
  readonly holdMs: number;
}

const HOLD_MS: Readonly<Record<Victim, readonly [number, number]>> = {
  'control-api': [0, 1_200],
  worker: [0, 0],
  broker: [500, 2_000],
};
const ROUND: readonly Victim[] = ['control-api', 'control-api', 'control-api', 'worker', 'worker', 'broker'];
const ROUNDS = 300;

export function planKills(seed: string): PlannedKill[] {
  const random = randomStream(`kills ${seed}`);
  return Array.from({ length: ROUNDS }, () => random.shuffled(ROUND))
    .flat()
    .map((victim) => ({
      victim,
      target: random.between(0, 1_000),
      afterMs: random.between(1_000, 3_000),
      holdMs: random.between(...HOLD_MS[victim]),
    }));
}

/** Counts by action; those that never happened are there too. */
export function countActions(actions: readonly TradingAction[]): Record<TradingAction, number> {
  const counts: Record<TradingAction, number> = { enable: 0, pause: 0, resume: 0, drain: 0, disable: 0 };
  for (const action of actions) counts[action] += 1;
  return counts;
}
