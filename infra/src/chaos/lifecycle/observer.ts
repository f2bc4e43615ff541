import { EXCHANGES, tradingConfigKey } from '@quarterhour/contracts';
import { z } from 'zod';
import type { Arena } from '../arena.js';

const QUEUE = 'chaos.observer';
const PREFETCH = 100;

const event = z.looseObject({ event_id: z.string(), organisation_id: z.string() });

/** An event when it arrived for the first time. */
export interface SeenEvent {
  readonly id: string;
  /** The broker had sent it before, to a connection that was lost: then it may come after later ones. */
  readonly isRedelivered: boolean;
}

/** Somebody who follows every trading event that is published. */
export class Observer {
  /** Events in the order of their first arrival, by organisation. */
  readonly seen = new Map<string, SeenEvent[]>();
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
        observer.#take(delivery.body.toString(), delivery.redelivered);
        consumer.ack([delivery]);
      },
    });
    return observer;
  }

  #take(text: string, isRedelivered: boolean): void {
    const { event_id: id, organisation_id: orgId } = event.parse(JSON.parse(text));
    this.received += 1;
    const known = this.seen.get(orgId) ?? [];
    if (!known.some((one) => one.id === id)) this.seen.set(orgId, [...known, { id, isRedelivered }]);
  }
}
