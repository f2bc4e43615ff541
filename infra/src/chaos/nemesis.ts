import { sleep } from '@quarterhour/runtime';
import { FAULTS, type Battlefield, type FaultDefinition, type FaultKind, type FaultPlan, type Lane } from './faults.js';
import { randomStream } from './random.js';

/** A fault and how long the lane is quiet before it. */
export interface PlannedFault extends FaultPlan {
  readonly afterMs: number;
}

/** A fault that happened. */
export interface FaultRecord {
  readonly kind: FaultKind;
  readonly target: number;
  /** Seconds since the run began. */
  readonly from: number;
  readonly to: number;
  readonly isHit: boolean;
}

const LANES: readonly Lane[] = ['front', 'nodes'];
const QUIET_MS: Record<Lane, readonly [number, number]> = { front: [300, 1_500], nodes: [1_500, 4_000] };
const ROUNDS = 200;

/**
 * Decides every fault of a run before it begins: the same seed gives the same faults in the same order. Each kind comes once
 * before any comes again.
 */
export function planFaults(seed: string): Record<Lane, PlannedFault[]> {
  const random = randomStream(`nemesis ${seed}`);
  const planOf = (lane: Lane): PlannedFault[] =>
    Array.from({ length: ROUNDS }, () => random.shuffled(kindsOf(lane)))
      .flat()
      .map((kind) => {
        const { holdMs }: FaultDefinition = FAULTS[kind];
        return {
          kind,
          target: random.between(0, 1_000),
          holdMs: random.between(...holdMs),
          afterMs: random.between(...QUIET_MS[lane]),
        };
      });
  return { front: planOf('front'), nodes: planOf('nodes') };
}

/**
 * Does what was planned until the signal is aborted, and heals it.
 *
 * @throws what a fault throws: then the harness, not the product, has failed
 */
export async function unleash(
  field: Battlefield,
  plan: Record<Lane, readonly PlannedFault[]>,
  say: (line: string) => void,
): Promise<FaultRecord[]> {
  const records: FaultRecord[] = [];
  await Promise.all(LANES.map((lane) => runLane(field, plan[lane], records, say)));
  return records.sort((a, b) => a.from - b.from);
}

async function runLane(
  field: Battlefield,
  plan: readonly PlannedFault[],
  records: FaultRecord[],
  say: (line: string) => void,
): Promise<void> {
  for (const fault of plan) {
    await sleep(fault.afterMs, field.signal);
    if (field.signal.aborted) return;
    const from = field.arena.seconds();
    const isHit = await FAULTS[fault.kind].run(field, fault);
    const to = field.arena.seconds();
    records.push({ kind: fault.kind, target: fault.target, from, to, isHit });
    say(`${from.toFixed(1).padStart(6)} s  ${fault.kind}${isHit ? '' : ' (missed)'}, ${(to - from).toFixed(1)} s`);
  }
}

function kindsOf(lane: Lane): FaultKind[] {
  return Object.keys(FAULTS)
    .filter(isFaultKind)
    .filter((kind) => FAULTS[kind].lane === lane);
}

function isFaultKind(name: string): name is FaultKind {
  return name in FAULTS;
}
