import { periodically, type Clock, type HealthCheck, type Logger } from '@quarterhour/runtime';

/** What is done again and again. */
export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** How soon to run again after a run that failed. Default: as after any other. */
  readonly afterFailureMs?: number;
  readonly job: () => Promise<unknown>;
  /** Its failure matters by itself. Of others, the streams say whether it does. */
  readonly isVital?: boolean;
}

/** Jobs that run until they are told to stop. */
export interface Jobs {
  /** One each: a job that fails shows why. */
  readonly checks: readonly HealthCheck[];
  /** Resolves when the last run of each is over. */
  readonly done: Promise<unknown>;
}

export function startJobs(
  ctx: { readonly clock: Clock; readonly log: Logger; readonly stopping: AbortSignal },
  jobs: readonly Job[],
): Jobs {
  const { stopping } = ctx;
  const started = jobs.map((job) => ({ ...job, ...periodically(ctx, { ...job, stopping }) }));
  const checks = started.map(({ name, state, isVital = false }): HealthCheck => {
    const check = () => Promise.resolve({ ok: !isVital || state.error === null, detail: { ...state } });
    return { name: `job-${name}`, check };
  });
  return { checks, done: Promise.all(started.map(({ done }) => done)) };
}
