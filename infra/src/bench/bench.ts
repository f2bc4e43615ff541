import type { Broker } from '@quarterhour/messaging';
import type { Stack } from '../stack/index.js';
import type { CpuMeter } from './cpu.js';
import type { Fleet } from './fleet.js';
import type { Sizes } from './sizes.js';
import type { DispatchStore, Store } from './store.js';

/** Everything that the sections share. */
export interface Bench {
  readonly stack: Stack;
  readonly sizes: Sizes;
  readonly fleet: Fleet;
  readonly broker: Broker;
  /** Or why there is none. */
  readonly cpu: CpuMeter | string;
  /** Milliseconds since 1970 at which stored history ends and what is published begins. */
  readonly epoch: number;
  readonly nextTick: Ticks;
  /** Filled when it is first asked for. */
  small(): Promise<Store>;
  full(): Promise<Store>;
  /** The full one, with the run's dispatches in it. */
  dispatches(): Promise<DispatchStore>;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/** Hands out seconds that nothing has been published for, so that no two samples of a plant are of one instant. */
export type Ticks = (count: number) => number;
