import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '@quarterhour/runtime';

/** How hard pressed a process is. */
export interface Pressure {
  /** Mean delay of the event loop of late, in milliseconds. */
  eventLoopDelayMs(): number;
  /** Requests that wait for a connection to the database. */
  databaseQueue(): number;
}

/** What is looked at, in that order; bounded, so that it can label a metric. */
export const PRESSURES = ['event-loop', 'database-queue'] as const;
export type PressureName = (typeof PRESSURES)[number];

/** From where on a kind of request is refused. */
export interface PressureBounds {
  readonly eventLoopDelayMs: number;
  readonly databaseQueue: number;
}

/** @returns what is beyond its bound, if anything */
export function pressureBeyond(bounds: PressureBounds, pressure: Pressure): PressureName | undefined {
  if (pressure.eventLoopDelayMs() > bounds.eventLoopDelayMs) return 'event-loop';
  return pressure.databaseQueue() > bounds.databaseQueue ? 'database-queue' : undefined;
}

/** A watch over the event loop. */
export interface EventLoopWatch {
  /** Mean of the last half second or more that somebody asked about, in milliseconds. */
  delayMs(): number;
  close(): void;
}

const RESOLUTION_MS = 10;
const SAMPLE_MS = 500;
const NANOSECONDS = 1e6;

/**
 * Watches how late the event loop runs its timers. The mean rises when the loop is late again and again; a single pause
 * among hundreds of punctual turns hardly moves it.
 */
export function watchEventLoop(clock: Clock): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let sampledAt = clock.monotonicMillis();
  let delay = 0;
  return {
    delayMs() {
      const now = clock.monotonicMillis();
      if (now - sampledAt < SAMPLE_MS) return delay;
      sampledAt = now;
      delay = histogram.count === 0 ? 0 : Math.max(0, histogram.mean / NANOSECONDS - RESOLUTION_MS);
      histogram.reset();
      return delay;
    },
    close: () => {
      histogram.disable();
    },
  };
}
