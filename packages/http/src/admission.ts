import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Counter, Metrics } from '@quarterhour/runtime';
import { pressureBeyond, PRESSURES } from './overload.js';
import type { Pressure, PressureBounds, PressureName } from './overload.js';
import { RequestRefused, RETRY_AFTER_SECONDS } from './refusal.js';

/** What a request costs: a heavy one reads so much that only a few may run at once. */
export type Weight = 'light' | 'heavy';

/** How many heavy reads run at the same time. Each process counts for itself. */
export interface HeavyReadLimits {
  readonly perOrganisation: number;
  readonly inAll: number;
}

/** Decides whether a request may run now. */
export interface Admission {
  /** @throws RequestRefused `busy` when even light requests are too much */
  admitAny(): void;
  /**
   * Takes a place for a heavy read: one in all, and one in every organisation that it reads of.
   *
   * @param organisations the scope of the request, each once
   * @returns gives the place back; the first call counts
   * @throws RequestRefused `busy` when there is no place, or the process is hard pressed
   */
  enterHeavy(organisations: readonly string[]): () => void;
}

/** What {@link createAdmission} needs. */
export interface AdmissionOptions {
  readonly limits: HeavyReadLimits;
  readonly pressure: Pressure;
  readonly metrics: Metrics;
}

/** A heavy read is given up early, so that light ones do not even notice. */
const HEAVY_BOUNDS: PressureBounds = { eventLoopDelayMs: 200, databaseQueue: 16 };
const ANY_BOUNDS: PressureBounds = { eventLoopDelayMs: 1_000, databaseQueue: 500 };

const REASONS = ['organisation', 'in-all', ...PRESSURES] as const;
const WEIGHTS = ['any', 'heavy'] as const;

export function createAdmission({ limits, pressure, metrics }: AdmissionOptions): Admission {
  const running = new HeavyReads(limits);
  const refused: Counter<{ weight: typeof WEIGHTS; reason: typeof REASONS }> = metrics.counter({
    name: 'quarterhour_http_shed_total',
    help: 'Requests refused with 503 because of what else was running.',
    labels: { weight: WEIGHTS, reason: REASONS },
  });
  metrics.gauge({
    name: 'quarterhour_http_heavy_reads',
    help: 'Heavy reads that are running.',
    collect: (gauge) => gauge.set({}, running.inAll),
  });

  const refuseFor = (weight: (typeof WEIGHTS)[number], reason: (typeof REASONS)[number] | undefined): void => {
    if (reason === undefined) return;
    refused.add({ weight, reason });
    throw new RequestRefused({ kind: 'busy', retryAfterSeconds: RETRY_AFTER_SECONDS });
  };
  return {
    admitAny() {
      refuseFor('any', pressureBeyond(ANY_BOUNDS, pressure));
    },
    enterHeavy(organisations) {
      refuseFor('heavy', pressureBeyond(HEAVY_BOUNDS, pressure) ?? running.fullFor(organisations));
      return running.enter(organisations);
    },
  };
}

/** The place of one request, if it turns out to need one. */
export class Place {
  readonly #admission: Admission;
  readonly #organisations: readonly string[];
  #leave: (() => void) | undefined;

  constructor(admission: Admission, organisations: readonly string[]) {
    this.#admission = admission;
    this.#organisations = organisations;
  }

  /** @throws RequestRefused `busy` when there is none */
  admit(weight: Weight): void {
    if (weight === 'heavy') this.#leave ??= this.#admission.enterHeavy(this.#organisations);
  }

  /**
   * Gives the place back once the answer has ended. To be called when the handler is done: a caller that hangs up does not
   * get its place back while the database still works for it.
   *
   * An answer that waits behind another one on its connection never closes when the connection does; so both are watched.
   */
  leaveAfter({ socket }: IncomingMessage, answer: ServerResponse): void {
    const leave = this.#leave;
    if (leave === undefined) return;
    if (answer.closed || socket.destroyed) {
      leave();
      return;
    }
    const ended = (): void => {
      answer.off('close', ended);
      socket.off('close', ended);
      leave();
    };
    answer.once('close', ended);
    socket.once('close', ended);
  }
}

class HeavyReads {
  readonly #limits: HeavyReadLimits;
  readonly #perOrganisation = new Map<string, number>();
  inAll = 0;

  constructor(limits: HeavyReadLimits) {
    this.#limits = limits;
  }

  fullFor(organisations: readonly string[]): Exclude<(typeof REASONS)[number], PressureName> | undefined {
    if (organisations.some((id) => this.#of(id) >= this.#limits.perOrganisation)) return 'organisation';
    return this.inAll >= this.#limits.inAll ? 'in-all' : undefined;
  }

  enter(organisations: readonly string[]): () => void {
    this.#add(organisations, 1);
    let isInside = true;
    return () => {
      if (isInside) this.#add(organisations, -1);
      isInside = false;
    };
  }

  #of(organisation: string): number {
    return this.#perOrganisation.get(organisation) ?? 0;
  }

  #add(organisations: readonly string[], one: 1 | -1): void {
    this.inAll += one;
    for (const id of organisations) {
      const running = this.#of(id) + one;
      if (running === 0) this.#perOrganisation.delete(id);
      else this.#perOrganisation.set(id, running);
    }
  }
}
