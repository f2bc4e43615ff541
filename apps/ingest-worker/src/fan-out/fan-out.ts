import { EXCHANGES, partnerVhost, telemetryEventKey } from '@quarterhour/contracts';
import { plantTelemetryStream, telemetryEventOf, type Register, type TelemetryEvent } from '@quarterhour/ingestion';
import type { AmqpDelivery, Consumer, Publisher } from '@quarterhour/messaging';
import type { Clock, HealthCheck, Logger } from '@quarterhour/runtime';
import type { Source } from '../source.js';
import { Turns } from '../turns.js';
import { Acknowledgements } from './acknowledgements.js';
import type { Drops } from './drops.js';
import type { FanOutMetrics } from './metrics.js';
import { Lane } from './lane.js';

const PREFETCH = 2_000;
/**
 * What arrives within this time is told together, and is no older news for it. Messages by themselves cost broker and worker
 * several times as much.
 */
const TOGETHER_MS = 20;
const MOST_TOGETHER = 100;
/** Of what is told together, so that commands and answers of the database are heard meanwhile. */
const TOLD_IN_A_TURN = 25;
/** So much of the prefetch stalled lanes may hold, all together; the rest flows. */
const STALLED_MAY_HOLD = 500;
const ONE_STALLED_MAY_HOLD = 100;
/** The broker takes deliveries back that are held for half an hour, and with them all the others. */
const NOTHING_HELD_AFTER_MS = 300_000;

/** What telling partners takes; the source is our own virtual host. */
export interface FanOutContext extends Omit<Source, 'partner' | 'watchdog'> {
  readonly register: { readonly current: Register; readonly nowMillis: number };
  /** What publishes telemetry into a virtual host; null while that does not let us in. */
  readonly publisherIn: (vhost: string) => Publisher | null;
  readonly drops: Pick<Drops, 'add'>;
  readonly metrics: FanOutMetrics;
  /** What our events say in `source`. */
  readonly eventSource: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A delivery, and whose it is as far as its virtual host tells. */
interface Taken {
  readonly amqp: AmqpDelivery;
  readonly from: Consumer;
  readonly owner: string | undefined;
}

/**
 * Tells partners of the telemetry of their plants, whoever sent it: each live key in its own virtual host.
 *
 * A delivery is acknowledged once every key's broker has confirmed it, so that a process that dies loses nothing; one that was
 * told to some is told to them again, under the same message id. Who does not get on is given up message by message, oldest
 * first, before it holds so much that others wait.
 */
export class FanOut {
  readonly #ctx: FanOutContext;
  /** By virtual host and queue. */
  readonly #consumers = new Map<string, Consumer | null>();
  readonly #acknowledgements = new WeakMap<Consumer, Acknowledgements<AmqpDelivery>>();
  readonly #lanes = new Map<string, Lane>();
  #taken: Taken[] = [];
  readonly #toTell = new Turns<Taken>(TOLD_IN_A_TURN, (taken) => {
    for (const one of taken) this.#tell(one);
  });
  #telling: NodeJS.Timeout | null = null;

  constructor(ctx: FanOutContext) {
    this.#ctx = ctx;
  }

  /** Again is without effect. */
  async consume(queue: string, source: Pick<Source, 'broker' | 'partner'> = this.#ctx): Promise<void> {
    const name = nameOf(queue, source);
    if (this.#consumers.has(name)) return;
    this.#consumers.set(name, null);
    const owner = source.partner?.orgId;
    const consumer = await source.broker.consume({
      queue,
      prefetch: PREFETCH,
      onDelivery: (amqp, from) => this.#take({ amqp, from, owner }),
      onLost: (from) => this.#acknowledgementsOf(from).lost(),
    });
    if (this.#consumers.has(name)) this.#consumers.set(name, consumer);
    else await consumer.close();
  }

  /** Takes nothing more; what was not told goes back to its queue. */
  async release(queue: string, source: Pick<Source, 'partner'> = {}): Promise<void> {
    const name = nameOf(queue, source);
    const consumer = this.#consumers.get(name);
    this.#consumers.delete(name);
    await consumer?.close();
  }

  /** Makes room where lanes are stalled, and forgets the ways to keys that are gone. To be called again and again. */
  tend(): void {
    const { register } = this.#ctx;
    const live = new Set(register.current.publishers.flatMap(({ id }) => this.#keysOf(id)));
    for (const [keyId, lane] of this.#lanes) {
      if (live.has(keyId)) continue;
      lane.close();
      this.#lanes.delete(keyId);
    }
    const stalled = [...this.#lanes.values()].filter(({ isStalled }) => isStalled);
    const most = Math.min(ONE_STALLED_MAY_HOLD, Math.floor(STALLED_MAY_HOLD / stalled.length));
    for (const lane of stalled) lane.trimTo(lane.waitedMs > NOTHING_HELD_AFTER_MS ? 0 : most);
    this.#ctx.metrics.stands({ stalled: stalled.length });
  }

  /** What is not told is given back with its consumer; nothing comes in behind. */
  async close(): Promise<void> {
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    await Promise.all(consumers.flatMap((consumer) => (consumer === null ? [] : [consumer.close()])));
    if (this.#telling !== null) clearTimeout(this.#telling);
    this.#taken = [];
    await this.#toTell.done();
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }

  /** Shows who does not get on; that is the partner's trouble, and no reason to be unready. */
  get healthCheck(): HealthCheck {
    return {
      name: 'fan-out',
      check: () => {
        const lanes = [...this.#lanes];
        const stalled = lanes.filter(([, lane]) => lane.isStalled).map(([keyId]) => keyId);
        return Promise.resolve({ ok: true, detail: { lanes: lanes.length, stalled } });
      },
    };
  }

  #take(taken: Taken): void {
    this.#acknowledgementsOf(taken.from).took(taken.amqp);
    this.#taken.push(taken);
    if (this.#taken.length >= MOST_TOGETHER) this.#tellTaken();
    else this.#telling ??= setTimeout(() => this.#tellTaken(), TOGETHER_MS);
  }

  #tellTaken(): void {
    if (this.#telling !== null) clearTimeout(this.#telling);
    this.#telling = null;
    for (const taken of this.#taken.splice(0)) this.#toTell.add(taken);
  }

  #tell({ amqp, from, owner }: Taken): void {
    const acknowledgements = this.#acknowledgementsOf(from);
    const tellings = this.#tellingsOf(amqp, from.queue, owner);
    let left = tellings.length;
    if (left === 0) return acknowledgements.done(amqp);
    const done = () => {
      left -= 1;
      if (left === 0) acknowledgements.done(amqp);
    };
    for (const { lane, routingKey, event } of tellings) {
      lane.add({
        message: { exchange: EXCHANGES.vcp, routingKey, body: event.body, messageId: event.messageId },
        isCurrent: () => from.isCurrent(amqp),
        done,
      });
    }
  }

  /** What is not understood is explained to its partner by the stream that stores it. */
  #tellingsOf(
    amqp: AmqpDelivery,
    queue: string,
    owner: string | undefined,
  ): readonly { readonly lane: Lane; readonly routingKey: string; readonly event: TelemetryEvent }[] {
    const { clock, register, eventSource } = this.#ctx;
    const { body, exchange, routingKey, redelivered, properties } = amqp;
    const delivery = { body, exchange, routingKey, queue, redelivered, properties, owner };
    const received = plantTelemetryStream.receive(delivery, {
      register: register.current,
      nowMillis: clock.nowMillis(),
    });
    if (received.kind === 'refused') return [];
    const { orgId, fact } = received;
    const prefix = register.current.organisation(orgId)?.queuePrefix ?? null;
    const keys = this.#keysOf(orgId);
    const event = prefix === null || keys.length === 0 ? null : telemetryEventOf(fact, eventSource);
    if (prefix === null || event === null) return [];
    const key = telemetryEventKey(prefix, event.kind, event.plantId);
    return keys.map((keyId) => ({ lane: this.#laneOf(orgId, keyId), routingKey: key, event }));
  }

  /** None while there is no virtual host for them. */
  #keysOf(orgId: string): readonly string[] {
    const { current, nowMillis } = this.#ctx.register;
    return current.tradingState(orgId) === 'DISABLED' ? [] : current.liveKeys(orgId, nowMillis);
  }

  #acknowledgementsOf(consumer: Consumer): Acknowledgements<AmqpDelivery> {
    const known = this.#acknowledgements.get(consumer);
    if (known !== undefined) return known;
    const acknowledgements = new Acknowledgements<AmqpDelivery>(consumer);
    this.#acknowledgements.set(consumer, acknowledgements);
    return acknowledgements;
  }

  #laneOf(orgId: string, keyId: string): Lane {
    const found = this.#lanes.get(keyId);
    if (found !== undefined) return found;
    const { publisherIn, metrics, drops } = this.#ctx;
    const lane = new Lane(this.#ctx, () => publisherIn(partnerVhost(keyId)), {
      told: () => metrics.told(),
      dropped: () => {
        metrics.dropped();
        drops.add(orgId, keyId);
      },
    });
    this.#lanes.set(keyId, lane);
    return lane;
  }
}

/** Queues of several virtual hosts may have the same name. */
function nameOf(queue: string, { partner }: Pick<Source, 'partner'>): string {
  return partner === undefined ? queue : `${partner.vhost}/${queue}`;
}
