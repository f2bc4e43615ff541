import { executionState, type Database, type ExecutionState } from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';
import type { HealthCheck, HealthReport, Metrics } from '@quarterhour/runtime';
import type { Executor } from './executor.js';

/** What is due for longer is not merely waiting for the next look. */
const LONGEST_OVERDUE_SECONDS = 10;

export interface ExecutionWatchContext {
  readonly db: Database;
  readonly register: { readonly current: Register };
  readonly executor: Pick<Executor, 'isLeading' | 'trouble'>;
}

/** Looks whether what is due is carried out, whoever does so. */
export class ExecutionWatch {
  readonly #ctx: ExecutionWatchContext;
  readonly #overdue: { set(labels: object, value: number): void };
  #state: ExecutionState | null = null;

  constructor(ctx: ExecutionWatchContext, metrics: Metrics) {
    this.#ctx = ctx;
    this.#overdue = metrics.gauge({
      name: 'quarterhour_execution_overdue_seconds',
      help: 'How long the command that waits longest has been due, the same in every worker',
    });
  }

  async look(): Promise<void> {
    this.#state = await this.#ctx.db.read(this.#ctx.register.current.organisationIds, executionState);
    this.#overdue.set({}, this.#state.overdueSeconds);
  }

  /** Red while something that is due is left lying. */
  get healthCheck(): HealthCheck {
    return { name: 'execution', check: () => Promise.resolve(this.#health()) };
  }

  #health(): HealthReport {
    const { isLeading: executesHere, trouble } = this.#ctx.executor;
    const { due, overdueSeconds } = this.#state ?? { due: 0, overdueSeconds: 0 };
    const detail = { executesHere, trouble, due, overdueSeconds: Math.round(overdueSeconds) };
    return { ok: overdueSeconds <= LONGEST_OVERDUE_SECONDS, detail };
  }
}
