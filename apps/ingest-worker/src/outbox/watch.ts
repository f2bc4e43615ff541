import { outboxState, type Database, type OutboxState } from '@quarterhour/db';
import type { Register } from '@quarterhour/ingestion';
import type { HealthCheck, HealthReport } from '@quarterhour/runtime';
import type { OutboxMetrics } from './metrics.js';
import type { OutboxRelay } from './relay.js';
import { LASTING_TROUBLES } from './trouble.js';

/** A message that waits for longer is not merely waiting its turn. */
const LONGEST_LAG_SECONDS = 30;

export interface OutboxWatchContext {
  readonly db: Database;
  readonly register: { readonly current: Register };
  readonly metrics: OutboxMetrics;
  readonly relay: Pick<OutboxRelay, 'isLeading'>;
}

/** Looks how much waits to be published, whoever relays it. */
export class OutboxWatch {
  readonly #ctx: OutboxWatchContext;
  #state: OutboxState | null = null;

  constructor(ctx: OutboxWatchContext) {
    this.#ctx = ctx;
  }

  async look(): Promise<void> {
    this.#state = await this.#ctx.db.read(this.#ctx.register.current.organisationIds, outboxState);
    this.#ctx.metrics.stands(this.#state);
  }

  /** Red while a message waits for too long, or for somebody to put something right. */
  get healthCheck(): HealthCheck {
    return { name: 'outbox', check: () => Promise.resolve(this.#health()) };
  }

  #health(): HealthReport {
    const relaysHere = this.#ctx.relay.isLeading;
    if (this.#state === null) return { ok: true, detail: { relaysHere } };
    const { depth, lagSeconds, troubles } = this.#state;
    const waitsForSomebody = LASTING_TROUBLES.some((trouble) => (troubles[trouble] ?? 0) > 0);
    return {
      ok: lagSeconds <= LONGEST_LAG_SECONDS && !waitsForSomebody,
      detail: { relaysHere, depth, lagSeconds: Math.round(lagSeconds), troubles },
    };
  }
}
