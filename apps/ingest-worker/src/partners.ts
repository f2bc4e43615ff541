import { partnerTopology } from '@quarterhour/contracts';
import type { TradingState } from '@quarterhour/db';
import { TopologyMismatchError, type Broker } from '@quarterhour/messaging';
import type { HealthCheck, Logger } from '@quarterhour/runtime';
import type { RegisterWatch } from '@quarterhour/ingestion';

/** States in which what a partner publishes is taken in. */
const CONSUMED: ReadonlySet<TradingState> = new Set(['ENABLED', 'DRAINING']);

/** What following partners takes. */
export interface PartnersContext {
  readonly broker: Pick<Broker, 'declare'>;
  readonly register: Pick<RegisterWatch, 'current'>;
  readonly log: Logger;
}

/**
 * Consumes the queues of every partner whose trading is enabled or draining.
 *
 * One partner's trouble is not the others': it is shown, and tried again at the next call. A queue that exists otherwise
 * than it should is consumed all the same, since what is in it was confirmed to somebody.
 */
export class Partners {
  readonly #ctx: PartnersContext;
  readonly #consume: (prefix: string) => Promise<void>;
  readonly #declared = new Set<string>();
  readonly #consumed = new Set<string>();
  readonly #troubles = new Map<string, string>();

  constructor(ctx: PartnersContext, consume: (prefix: string) => Promise<void>) {
    this.#ctx = ctx;
    this.#consume = consume;
  }

  /** Takes up who is new, and tries again where something went wrong. Never rejects for one partner's sake. */
  async follow(): Promise<void> {
    const { current } = this.#ctx.register;
    for (const { id, queuePrefix: prefix } of current.publishers) {
      if (!CONSUMED.has(current.tradingState(id))) continue;
      if (this.#declared.has(prefix) && this.#consumed.has(prefix)) continue;
      try {
        await this.#takeUp(prefix);
        this.#troubles.delete(prefix);
      } catch (error) {
        this.#report(prefix, error);
      }
    }
  }

  get healthCheck(): HealthCheck {
    return {
      name: 'partners',
      check: () =>
        Promise.resolve({
          ok: this.#troubles.size === 0,
          detail: { consumed: this.#consumed.size, troubles: Object.fromEntries(this.#troubles) },
        }),
    };
  }

  async #takeUp(prefix: string): Promise<void> {
    const mismatch = await this.#ctx.broker.declare(partnerTopology(prefix)).then(
      () => null,
      (error: unknown) => {
        if (error instanceof TopologyMismatchError) return error;
        throw error;
      },
    );
    if (!this.#consumed.has(prefix)) await this.#consume(prefix);
    this.#consumed.add(prefix);
    if (mismatch !== null) throw mismatch;
    this.#declared.add(prefix);
  }

  #report(prefix: string, error: unknown): void {
    const trouble = error instanceof Error ? error.name : 'unknown';
    if (this.#troubles.get(prefix) !== trouble) {
      this.#ctx.log.error({ err: error, prefix }, "a partner's queue is not as it should be, trying again");
    }
    this.#troubles.set(prefix, trouble);
  }
}
