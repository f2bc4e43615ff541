import { EXCHANGES, tradingConfigKey } from '@quarterhour/contracts';
import { z } from 'zod';
import type { Arena } from '../arena.js';

const QUEUE = 'chaos.observer';
const PREFETCH = 100;

const event = z.looseObject({ event_id: z.string(), organisation_id: z.string() });

/** Somebody who follows every trading event that is published. */
export class Observer {
  /** Ids of events in the order of their first arrival, by organisation. */
  readonly seen = new Map<string, string[]>();
  /** Messages, copies included. */
  received = 0;

  /** Begins before there is any event. */
  static async start({ broker }: Arena): Promise<Observer> {
    const observer = new Observer();
    await broker.declare({
      exchanges: [{ name: EXCHANGES.trading, type: 'topic' }],
      queues: [{ name: QUEUE }],
      bindings: [{ exchange: EXCHANGES.trading, queue: QUEUE, routingKey: tradingConfigKey('*') }],
    });
    await broker.consume({
      queue: QUEUE,
      prefetch: PREFETCH,
      onDelivery: (delivery, consumer) => {
        observer.#take(delivery.body.toString());
        consumer.ack([delivery]);
      },
    });
    return observer;
  }

  #take(text: string): void {
    const { event_id: id, organisation_id: orgId } = event.parse(JSON.parse(text));
    this.received += 1;
    const known = this.seen.get(orgId) ?? [];
    if (!known.includes(id)) this.seen.set(orgId, [...known, id]);
  }
}
