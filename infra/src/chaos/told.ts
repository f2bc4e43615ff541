import { randomUUID } from 'node:crypto';
import { EXCHANGES, VHOST } from '@quarterhour/contracts';
import { enqueueOutgoing, type Trx } from '@quarterhour/db';
import { sleep, systemClock } from '@quarterhour/runtime';
import type { Arena } from './arena.js';
import type { Finding } from './judge.js';

const QUEUE = 'chaos.told';
const ROUTING_KEY = 'chaos.told';
const PREFETCH = 100;
const POLL_MS = 50;

/** What is put into the outbox, and somebody whom it is told. */
export class Told {
  readonly #arena: Arena;
  /** Ids of what is committed. */
  readonly #decided = new Set<string>();
  readonly #heard = new Set<string>();

  private constructor(arena: Arena) {
    this.#arena = arena;
  }

  static async start(arena: Arena): Promise<Told> {
    const told = new Told(arena);
    await told.listen();
    await arena.broker.consume({
      queue: QUEUE,
      prefetch: PREFETCH,
      onDelivery: (delivery, consumer) => {
        told.#heard.add(delivery.properties.messageId ?? '');
        consumer.ack([delivery]);
      },
    });
    return told;
  }

  /** Has the broker keep what is told from now on. */
  async listen(): Promise<void> {
    await this.#arena.broker.declare({
      exchanges: [{ name: EXCHANGES.trading, type: 'topic' }],
      queues: [{ name: QUEUE }],
      bindings: [{ exchange: EXCHANGES.trading, queue: QUEUE, routingKey: ROUTING_KEY }],
    });
  }

  /** From now on the broker keeps nothing of what is told. */
  async stopListening(): Promise<void> {
    const binding = { exchange: EXCHANGES.trading, queue: QUEUE, routingKey: ROUTING_KEY };
    await this.#arena.api.deleteBinding(this.#arena.vhost, binding);
  }

  /** Decides one message in a transaction that does something else after it, before it commits. */
  async decide(meanwhile: () => Promise<unknown> = () => Promise.resolve()): Promise<string> {
    const id = randomUUID();
    const [{ id: orgId }] = this.#arena.organisations;
    await this.#arena.admin.transaction([orgId], async (trx) => {
      this.#enqueue(trx, orgId, id);
      // It goes with the next statement, and has to be in the outbox meanwhile.
      await trx.query({ text: 'select 1', values: [] });
      await meanwhile();
    });
    this.#decided.add(id);
    return id;
  }

  /** Waits until all that was decided is heard. @returns what is not, when the time is up */
  async missing(withinMs: number): Promise<Finding[]> {
    const deadline = systemClock.monotonicMillis() + withinMs;
    const unheard = () => [...this.#decided].filter((id) => !this.#heard.has(id));
    while (unheard().length > 0 && systemClock.monotonicMillis() < deadline) await sleep(POLL_MS);
    return unheard().map((id) => ({ equation: 'lost', about: `message ${id} was decided and never told` }));
  }

  /** Waits until a message is heard. */
  async heard(id: string, withinMs: number): Promise<boolean> {
    const deadline = systemClock.monotonicMillis() + withinMs;
    while (!this.#heard.has(id) && systemClock.monotonicMillis() < deadline) await sleep(POLL_MS);
    return this.#heard.has(id);
  }

  #enqueue(trx: Trx, orgId: string, messageId: string): void {
    const body = Buffer.from(JSON.stringify({ messageId }));
    const address = { vhost: VHOST, exchange: EXCHANGES.trading, routingKey: ROUTING_KEY };
    // Each an order of its own: none has to wait for another.
    enqueueOutgoing(trx, [{ orgId, ...address, orderKey: messageId, messageId, body }]);
  }
}
