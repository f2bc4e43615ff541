import type { Consumer, AmqpDelivery, Broker } from '@quarterhour/messaging';
import type { Delivery, Received, Stream } from '@quarterhour/ingestion';
import type { HealthCheck, HealthReport } from '@quarterhour/runtime';
import { Alarm } from './alarm.js';
import { Batcher } from './batcher.js';
import type { IngestMetrics } from './ingest-metrics.js';
import type { RegisterWatch } from './register-watch.js';
import { StoppedError, storeBatch, type StoreContext } from './store-batch.js';

/** A batch that is in hand for longer does not get through, whatever the database answers to a ping. */
const STANDSTILL_MS = 5_000;

/** What one stream of the worker needs. */
export interface IngestContext extends Omit<StoreContext, 'alarm'> {
  readonly broker: Broker;
  readonly register: RegisterWatch;
  readonly metrics: IngestMetrics;
}

interface InHand<Fact> {
  readonly consumer: Consumer;
  readonly amqp: AmqpDelivery;
  readonly received: Received<Fact>;
}

/** One stream from its queues to the database and back: receive, collect, store, settle. */
export class StreamIngest<Fact> {
  readonly #ctx: IngestContext;
  readonly #stream: Stream<Fact>;
  readonly #batcher: Batcher<InHand<Fact>>;
  readonly #consumers = new Map<string, Consumer>();
  readonly #alarm: Alarm;
  #lastCommit: string | null = null;
  #inHandSince: number | null = null;
  /** A batch was left unstored because the process stops. To settle a later one would settle it too. */
  #hasGivenUp = false;

  constructor(ctx: IngestContext, stream: Stream<Fact>) {
    this.#ctx = ctx;
    this.#stream = stream;
    this.#alarm = new Alarm(ctx.clock, ctx.log, stream.name);
    this.#batcher = new Batcher(stream.limits, (batch) => this.#storeAndSettle(batch));
  }

  /** Consumers of one stream feed one batcher, each queue through a channel of its own. */
  async consume(queue: string): Promise<void> {
    const consumer = await this.#ctx.broker.consume({
      queue,
      prefetch: this.#stream.limits.prefetch,
      onDelivery: (amqp, from) => this.#take(queue, from, amqp),
    });
    this.#consumers.set(queue, consumer);
  }

  /** Takes nothing more, stores and settles what is in hand. */
  async drain(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.stop()));
    await this.#batcher.drained();
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.close()));
  }

  /** Ready while every queue is consumed, batches get through and nothing of ours holds the stream up. */
  get healthCheck(): HealthCheck {
    return { name: `stream-${this.#stream.name}`, check: () => Promise.resolve(this.#health()) };
  }

  #health(): HealthReport {
    const queues = Object.fromEntries([...this.#consumers].map(([queue, consumer]) => [queue, consumer.state]));
    const consuming = Object.values(queues).every((state) => state === 'consuming');
    const inHandMs = this.#inHandSince === null ? 0 : this.#ctx.clock.monotonicMillis() - this.#inHandSince;
    return {
      ok: consuming && inHandMs < STANDSTILL_MS && this.#alarm.raised === null,
      detail: {
        queues,
        waiting: this.#batcher.waiting,
        inHandMs: Math.round(inHandMs),
        lastCommit: this.#lastCommit,
        alarm: this.#alarm.raised,
      },
    };
  }

  #take(queue: string, consumer: Consumer, amqp: AmqpDelivery): void {
    // fail point: after_deliver
    const received = this.#receive({
      body: amqp.body,
      exchange: amqp.exchange,
      routingKey: amqp.routingKey,
      queue,
      redelivered: amqp.redelivered,
      properties: amqp.properties,
    });
    // fail point: after_receive
    this.#batcher.add({ consumer, amqp, received }, amqp.body.length);
  }

  #receive(delivery: Delivery): Received<Fact> {
    const { clock, register } = this.#ctx;
    return this.#stream.receive(delivery, { register: register.current, nowMillis: clock.nowMillis() });
  }

  async #storeAndSettle(batch: readonly InHand<Fact>[]): Promise<void> {
    if (this.#hasGivenUp) return;
    const { metrics, clock, log } = this.#ctx;
    const began = clock.monotonicMillis();
    this.#inHandSince = began;
    try {
      const received = await this.#knownByNow(batch.map((one) => one.received));
      const outcomes = await storeBatch({ ...this.#ctx, alarm: this.#alarm }, this.#stream, received);
      // fail point: after_commit_before_ack
      settle(batch);
      // fail point: after_ack
      this.#lastCommit = clock.nowInstantText();
      metrics.stored(this.#stream.name, received, outcomes, clock.monotonicMillis() - began);
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      this.#hasGivenUp = true;
      log.warn({ stream: this.#stream.name, messages: batch.length }, error.message);
    } finally {
      this.#inHandSince = null;
    }
  }

  /** Somebody unknown may have been registered a moment ago: look once before setting a message aside for it. */
  async #knownByNow(batch: readonly Received<Fact>[]): Promise<readonly Received<Fact>[]> {
    if (!batch.some(isOfUnknown)) return batch;
    await this.#ctx.register.refresh().catch((error: unknown) => {
      this.#ctx.log.warn({ err: error }, 'register not read again');
    });
    return batch.map((received) => (isOfUnknown(received) ? this.#receive(received.delivery) : received));
  }
}

function isOfUnknown(received: Received<unknown>): boolean {
  return (
    received.kind === 'refused' &&
    (received.fault.reason === 'unknown_asset' || received.fault.reason === 'unknown_plant')
  );
}

/** A batch is a gap-free prefix of what each of its consumers was given, so one ack per consumer settles it. */
function settle(batch: readonly InHand<unknown>[]): void {
  const last = new Map<Consumer, AmqpDelivery>();
  for (const { consumer, amqp } of batch) last.set(consumer, amqp);
  for (const [consumer, amqp] of last) consumer.ackUpTo(amqp);
}
