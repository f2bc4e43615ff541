import { sleep } from '@quarterhour/runtime';
import type { Arena } from '../arena.js';
import type { WorkerFleet } from '../worker-fleet.js';
import type { ControlApi } from './control-api.js';
import { planKills, type PlannedKill, type Victim } from './plan.js';

/** What may be killed, and when. */
export interface KillingField {
  readonly arena: Arena;
  readonly api: ControlApi;
  readonly fleet: WorkerFleet;
  /** Resolves when the next step is about to be asked for, none comes for long, or the signal was aborted. */
  readonly nextStep: (signal: AbortSignal) => Promise<void>;
}

/** A kill that happened. */
export interface KillRecord {
  readonly victim: Victim;
  /** Whether it was at work. */
  readonly isHit: boolean;
}

/** Kills what was planned, one after the other, until the signal is aborted; what is killed comes back. */
export async function kill(
  field: KillingField,
  seed: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<KillRecord[]> {
  const records: KillRecord[] = [];
  for (const planned of planKills(seed)) {
    await sleep(planned.afterMs, signal);
    if (signal.aborted) break;
    const isHit = await killOne(field, planned, signal);
    records.push({ victim: planned.victim, isHit });
    say(`${field.arena.seconds().toFixed(1).padStart(6)} s  ${planned.victim} killed${isHit ? '' : ' (missed)'}`);
  }
  return records;
}

async function killOne(field: KillingField, planned: PlannedKill, signal: AbortSignal): Promise<boolean> {
  const { api, fleet, arena, nextStep } = field;
  switch (planned.victim) {
    case 'control-api': {
      await nextStep(signal);
      await sleep(planned.holdMs, signal);
      const isAtWork = api.address !== null;
      return api.signal('SIGKILL') && isAtWork;
    }
    case 'worker': {
      const worker = fleet.at(planned.target);
      const isAtWork = worker.address !== null;
      return worker.signal('SIGKILL') && isAtWork;
    }
    case 'broker': {
      const { rabbitmq } = arena.servers;
      rabbitmq.signal(0, 'SIGKILL');
      while (rabbitmq.isRunning(0)) await sleep(50);
      await sleep(planned.holdMs);
      await rabbitmq.startNode(0);
      return true;
    }
  }
}
