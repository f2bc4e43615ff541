import { fanOutBinding, fleetFanOutBinding, partnerTopology, QUEUES, type Topology } from '@quarterhour/contracts';
import type { Register } from '@quarterhour/ingestion';
import { TopologyMismatchError, type Broker } from '@quarterhour/messaging';
import type { Clock } from '@quarterhour/runtime';

type Binding = Topology['bindings'][number];

export interface FanOutBindingsContext {
  readonly broker: Pick<Broker, 'declare' | 'unbind' | 'depthOf'>;
  readonly register: { readonly current: Register; readonly nowMillis: number };
  readonly clock: Pick<Clock, 'monotonicMillis'>;
}

/** What is to be bound, and what has to be declared for it. */
interface Wanted {
  readonly binding: Binding;
  readonly topology: Topology;
  /** Under another one it is bound again. */
  readonly version: number;
}

/** How often it is looked whether the queue is still there. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Binds the queue of fan-out in our own virtual host to what somebody is to be told of, and to nothing else: telemetry of
 * plants whose organisation has no live key is not queued twice.
 *
 * A partner's own keys are bound after the queues that are stored, and unbound as soon as it is being closed: what only
 * fan-out has would be confirmed and lost. The control plane unbinds them as well, perhaps for a moment that nobody here
 * saw: they are bound again whenever it was at the partner's places. A binding that is left by a process that was killed
 * costs a look at its messages.
 */
export class FanOutBindings {
  readonly #ctx: FanOutBindingsContext;
  readonly #bound = new Map<string, Wanted>();
  #lookedAt = -Infinity;

  constructor(ctx: FanOutBindingsContext) {
    this.#ctx = ctx;
  }

  /** Goes after the register; quick when nothing changed. @throws what the broker says; it is tried again */
  async follow(): Promise<void> {
    await this.#keepQueue();
    const wanted = this.#wanted();
    const gone = [...this.#bound].filter(([name]) => !wanted.has(name));
    if (gone.length > 0) await this.#ctx.broker.unbind(gone.map(([, { binding }]) => binding));
    for (const [name] of gone) this.#bound.delete(name);
    const fresh = [...wanted].filter(([name, { version }]) => this.#bound.get(name)?.version !== version);
    if (fresh.length > 0) await this.#declare(together(fresh.map(([, { topology }]) => topology)));
    for (const [name, one] of fresh) this.#bound.set(name, one);
  }

  /** A queue that somebody deleted took its bindings with it. */
  async #keepQueue(): Promise<void> {
    const { broker, clock } = this.#ctx;
    const now = clock.monotonicMillis();
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return;
    this.#lookedAt = now;
    if ((await broker.depthOf(QUEUES.fanOut)) !== null) return;
    this.#bound.clear();
    await broker.declare({ ...NOTHING, queues: [{ name: QUEUES.fanOut }] });
  }

  /** A queue that exists otherwise is shown by whoever consumes it; everything else is bound all the same. */
  async #declare(topology: Topology): Promise<void> {
    try {
      await this.#ctx.broker.declare(topology);
    } catch (error) {
      if (!(error instanceof TopologyMismatchError)) throw error;
    }
  }

  #wanted(): Map<string, Wanted> {
    const { current, nowMillis } = this.#ctx.register;
    const wanted = new Map<string, Wanted>();
    for (const { id, queuePrefix } of current.publishers) {
      const state = current.tradingState(id);
      if ((state !== 'ENABLED' && state !== 'PAUSED') || current.liveKeys(id, nowMillis).length === 0) continue;
      const ofPartner = fanOutBinding(queuePrefix, QUEUES.fanOut);
      wanted.set(ofPartner.routingKey, {
        binding: ofPartner,
        topology: after(partnerTopology(queuePrefix), ofPartner),
        version: current.provisionedVersion(id),
      });
      for (const plantId of current.plantIdsOf(id)) {
        const binding = fleetFanOutBinding(plantId);
        wanted.set(binding.routingKey, { binding, topology: after(NOTHING, binding), version: 0 });
      }
    }
    return wanted;
  }
}

const NOTHING: Topology = { exchanges: [], queues: [], bindings: [] };

/** Declared in order: exchanges, queues, bindings. */
function after(topology: Topology, binding: Binding): Topology {
  return { ...topology, bindings: [...topology.bindings, binding] };
}

function together(topologies: readonly Topology[]): Topology {
  return {
    exchanges: topologies.flatMap(({ exchanges }) => exchanges),
    queues: topologies.flatMap(({ queues }) => queues),
    bindings: topologies.flatMap(({ bindings }) => bindings),
  };
}
