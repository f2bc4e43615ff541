import { partnerTopology } from '@quarterhour/contracts';
import { TopologyMismatchError, type Broker } from '@quarterhour/messaging';
import type { Clock } from '@quarterhour/runtime';
import type { AtMost } from './at-most.js';
import type { PartnerQueues } from './partner-queues.js';
import type { PartnerStrand, Wish } from './partner-strand.js';
import type { Source } from './source.js';

/** How often somebody looks whether queues that are not consumed are still there. */
const LOOK_AGAIN_MS = 5_000;

export interface CentralStrandContext {
  readonly broker: Pick<Broker, 'declare' | 'depthOf'>;
  readonly source: Source;
  readonly clock: Clock;
  readonly atMost: AtMost;
}

/**
 * A partner's queues in our own virtual host.
 *
 * A queue that exists otherwise than it should is consumed all the same, since what is in it was confirmed to somebody. One
 * that was deleted is declared again, but only while there have to be queues: to declare is to bind, and a partner that is
 * being closed must not be bound again.
 */
export class CentralStrand implements PartnerStrand {
  readonly name: string;
  readonly patienceMs = 0;
  readonly #ctx: CentralStrandContext;
  readonly #queues: PartnerQueues;
  #isDeclared = false;
  #lookedAt = -Infinity;

  constructor(ctx: CentralStrandContext, prefix: string, queues: PartnerQueues) {
    this.name = prefix;
    this.#ctx = ctx;
    this.#queues = queues;
  }

  async follow({ keepsQueues, consumes }: Wish): Promise<void> {
    const { source, atMost } = this.#ctx;
    if (!consumes) await this.#queues.release(source);
    const mismatch = keepsQueues ? await atMost.run(() => this.#keepDeclared()) : null;
    if (consumes) await atMost.run(() => this.#queues.consume(source));
    if (mismatch !== null) throw mismatch;
  }

  leave(): Promise<void> {
    return this.#queues.release(this.#ctx.source);
  }

  async #keepDeclared(): Promise<TopologyMismatchError | null> {
    if (this.#isDeclared && !(await this.#isAnyMissing())) return null;
    this.#isDeclared = false;
    try {
      await this.#ctx.broker.declare(partnerTopology(this.name));
      this.#isDeclared = true;
      return null;
    } catch (error) {
      if (error instanceof TopologyMismatchError) return error;
      throw error;
    }
  }

  async #isAnyMissing(): Promise<boolean> {
    const { broker, source, clock } = this.#ctx;
    const now = clock.monotonicMillis();
    if (this.#queues.isConsuming(source) || now - this.#lookedAt < LOOK_AGAIN_MS) return false;
    this.#lookedAt = now;
    const depths = await Promise.all(this.#queues.names.map((name) => broker.depthOf(name)));
    return depths.includes(null);
  }
}
