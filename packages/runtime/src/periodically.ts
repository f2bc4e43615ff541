import { sleep, type Clock } from './clock.js';
import type { Logger } from './logger.js';

/** What became of a periodic job: when it last ran, how long it took, and what went wrong. */
export interface JobState {
  lastRun: string | null;
  tookMs: number | null;
  error: string | null;
}

/** Runs a job again and again until the signal, whatever became of the run before. */
export function periodically(
  { clock, log }: { clock: Clock; log: Logger },
  {
    name,
    everyMs,
    afterFailureMs = everyMs,
    job,
    stopping,
  }: {
    name: string;
    everyMs: number;
    /** How soon to run again after a run that failed. */
    afterFailureMs?: number;
    job: () => Promise<unknown>;
    stopping: AbortSignal;
  },
): { readonly state: Readonly<JobState>; readonly done: Promise<void> } {
  const state: JobState = { lastRun: null, tookMs: null, error: null };
  const run = async () => {
    for (;;) {
      await sleep(state.error === null ? everyMs : afterFailureMs, stopping);
      if (stopping.aborted) return;
      const began = clock.monotonicMillis();
      state.lastRun = clock.nowInstantText();
      state.error = await job().then(
        () => null,
        (error: unknown) => {
          if (state.error === null) log.warn({ err: error, job: name }, 'job failed, will run again');
          return error instanceof Error ? error.name : 'unknown';
        },
      );
      state.tookMs = Math.round(clock.monotonicMillis() - began);
    }
  };
  return { state, done: run() };
}
