import { beginProgress } from '@quarterhour/db';
import {
  isOf,
  prepareBatch,
  type Delivery,
  type PreparedBatch,
  type Received,
  type Stream,
} from '@quarterhour/ingestion';
import type { AmqpDelivery, Consumer } from '@quarterhour/messaging';
import { endsWithin, sleep, type HealthCheck, type HealthReport } from '@quarterhour/runtime';
import { Alarm } from './alarm.js';
import { Batcher, type Batch } from './batcher.js';
import type { IngestMetrics } from './ingest-metrics.js';
import { Intake, isSuspect } from './intake.js';
import { Receiver, type ReceiverContext } from './receiver.js';
import type { Source } from './source.js';
import { StoppedError, storeBatch, type StoreContext, type Stored } from './store-batch.js';
import { storeSuspects } from './store-suspects.js';
import { transactionsWithin, type Suspects } from './suspects.js';
import { Turns } from './turns.js';

/** A batch that is in hand for longer does not get through, whatever the database answers to a ping. */
const STANDSTILL_MS = 5_000;
/** The broker closes channels that hold a delivery for half an hour: what cannot be stored is given back well before. */
const GIVE_BACK_AFTER_MS = 600_000;
const QUIET_MESSAGES = 50;
/** A queue that is behind with acknowledgements forgets them with the channel: time for it to hear the last. */
const HEARD_MS = 1_000;
/** Of what the broker sends in one go, so that an answer of the database is heard meanwhile, also while the code is cold. */
const READ_IN_A_TURN = 25;
/** What is not stored that long after the last delivery was taken is given back, so that the process can end. */
const DRAIN_MS = 3_000;

/** What one stream of the worker needs; the source is our own virtual host. */
export interface IngestContext extends Omit<StoreContext, 'alarm'>, ReceiverContext, Omit<Source, 'partner'> {
  readonly metrics: IngestMetrics;
  readonly suspects: Suspects;
}

/** How patient a stream is. Tests are in a hurry. */
export interface IngestSettings {
  /** How long a batch may wait for the database before everything in hand is given back, and taken anew. */
  readonly giveBackAfterMs?: number;
  /** How many messages have to go through after a suspect before the queue is taken by the window again. */
  readonly quietMessages?: number;
  /** Called whenever a batch is stored. */
  readonly onStored?: () => void;
  /** How long to rest after a batch, in milliseconds, if the next one is not full. Asked each time. Default: not at all. */
  readonly restMs?: () => number;
}

interface Taken {
  readonly intake: Intake;
  readonly amqp: AmqpDelivery;
}

interface InHand<Fact> extends Taken {
  readonly delivery: Delivery;
  /** Null while nobody has looked at it: a suspect, or what came while one was in hand. */
  readonly received: Received<Fact> | null;
}

/** A queue that is consumed. */
interface Consumed {
  readonly intake: Intake;
  readonly source: Source;
  /** It is consumed no more, and what of it is in hand is being settled. */
  isLeaving: boolean;
}

/** One stream from its queues to the database and back: receive, collect, store, settle. */
export class StreamIngest<Fact> {
  readonly #ctx: IngestContext;
  readonly #stream: Stream<Fact>;
  readonly #receiver: Receiver<Fact>;
  readonly #giveBackAfterMs: number;
  readonly #quietMessages: number;
  readonly #onStored: () => void;
  readonly #arrived = new Turns<Taken>(READ_IN_A_TURN, (taken) => this.#read(taken));
  readonly #batcher: Batcher<InHand<Fact>, PreparedBatch<Fact>>;
  /** By virtual host and queue. */
  readonly #consumed = new Map<string, Consumed>();
  readonly #alarm: Alarm;
  #hasBegun = false;
  #isDraining = false;
  #lastCommit: string | null = null;
  #inHandSince: number | null = null;
  #lastEnd = 0;
  /** A batch was left unstored because the process stops. To settle a later one would settle it too. */
  #hasGivenUp = false;

  constructor(ctx: IngestContext, stream: Stream<Fact>, settings: IngestSettings = {}) {
    this.#ctx = ctx;
    this.#stream = stream;
    this.#receiver = new Receiver(ctx, stream);
    this.#giveBackAfterMs = settings.giveBackAfterMs ?? GIVE_BACK_AFTER_MS;
    this.#quietMessages = settings.quietMessages ?? QUIET_MESSAGES;
    this.#onStored = settings.onStored ?? (() => undefined);
    this.#alarm = new Alarm(ctx.clock, ctx.log, stream.name);
    this.#batcher = new Batcher(stream.limits, {
      prepare: (items) => this.#prepare(items),
      flush: (batch) => this.#storeAndSettle(batch),
      restMs: settings.restMs ?? (() => 0),
    });
  }

  /** Makes the record of the worker's progress, which every batch must find. Done by {@link consume} unless it is done. */
  async begin(): Promise<void> {
    if (this.#hasBegun) return;
    await beginProgress(this.#ctx.db, this.#ctx.worker, this.#stream.name);
    this.#hasBegun = true;
  }

  /** Consumers of one stream feed one batcher, each queue through a channel of its own. Again is without effect. */
  async consume(queue: string, source: Source = this.#ctx): Promise<void> {
    await this.begin();
    if (this.#isDraining || this.#consumed.has(nameOf(queue, source))) return;
    const { prefetch } = this.#stream.limits;
    const settings = { prefetch, quietMessages: this.#quietMessages };
    const intake = new Intake(queue, source.partner, settings, this.#ctx.log);
    this.#consumed.set(nameOf(queue, source), { intake, source, isLeaving: false });
    const consumer = await source.broker.consume({
      queue,
      prefetch,
      onDelivery: (amqp, from) => this.#take(intake, amqp, from),
      onLost: () => intake.lost(),
    });
    intake.consumedBy(consumer);
    source.watchdog.watch(intake);
  }

  /**
   * Consumes a queue no more: what of it is in hand is stored and settled, the rest stays where it is, in its order. Resolves
   * when that is done, however long it takes; the other queues go on.
   */
  async release(queue: string, source: Source = this.#ctx): Promise<void> {
    const consumed = this.#consumed.get(nameOf(queue, source));
    if (consumed === undefined) return;
    consumed.isLeaving = true;
    source.watchdog.unwatch(queue);
    await consumed.intake.finish();
    await sleep(HEARD_MS, this.#ctx.stopping);
    await consumed.intake.close();
    this.#consumed.delete(nameOf(queue, source));
  }

  /** Whether deliveries of this queue come in. */
  isConsuming(queue: string, source: Source = this.#ctx): boolean {
    return this.#consumed.get(nameOf(queue, source))?.intake.state === 'consuming';
  }

  /** Takes nothing more, stores and settles what is in hand if that is possible soon, and gives back the rest. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const intakes = [...this.#consumed.values()].map(({ intake }) => intake);
    const stopped = Promise.all(intakes.map((intake) => intake.stop()));
    const drained = stopped.then(() => this.#arrived.done()).then(() => this.#batcher.drained());
    if (!(await endsWithin(DRAIN_MS, drained))) {
      this.#hasGivenUp = true;
      this.#ctx.log.warn({ stream: this.#stream.name }, 'what is in hand cannot be stored now: giving it back');
    }
    await Promise.all(intakes.map((intake) => intake.close()));
  }

  /** Ready while every queue is consumed and flows, batches get through and nothing of ours holds the stream up. */
  get healthCheck(): HealthCheck {
    return { name: `stream-${this.#stream.name}`, check: () => Promise.resolve(this.#health()) };
  }

  #health(): HealthReport {
    const consumed = [...this.#consumed];
    const isFlowing = consumed.every(([, one]) => one.isLeaving || isFlowingWell(one));
    const isAnyInHand = consumed.some(([, { intake }]) => intake.inHand > 0);
    const inHandMs =
      this.#inHandSince === null || !isAnyInHand ? 0 : this.#ctx.clock.monotonicMillis() - this.#inHandSince;
    return {
      ok: isFlowing && inHandMs < STANDSTILL_MS && this.#alarm.raised === null,
      detail: {
        queues: Object.fromEntries(consumed.map(([name, one]) => [name, report(one)])),
        waiting: this.#arrived.waiting + this.#batcher.waiting,
        inHandMs: Math.round(inHandMs),
        lastCommit: this.#lastCommit,
        alarm: this.#alarm.raised,
      },
    };
  }

  #take(intake: Intake, amqp: AmqpDelivery, from: Consumer): void {
    // fail point: after_deliver
    if (intake.admit(amqp, from)) this.#arrived.add({ intake, amqp });
  }

  #read(taken: readonly Taken[]): void {
    const receive = this.#receiver.asOfNow();
    for (const { intake, amqp } of taken) {
      const delivery = deliveryOf(intake, amqp);
      const isForLater = isSuspect(amqp) || this.#ctx.suspects.isTrying;
      const received = isForLater ? null : receive(delivery);
      // fail point: after_receive
      this.#batcher.add({ intake, amqp, delivery, received }, amqp.body.length, intake.isCareful ? intake : null);
    }
  }

  /** Nothing beside a suspect; and what cannot be prepared fails again in its turn, where that is dealt with. */
  #prepare(items: readonly InHand<Fact>[]): PreparedBatch<Fact> | null {
    if (this.#ctx.suspects.isTrying) return null;
    const received = items.flatMap((one) => one.received ?? []);
    if (received.length < items.length) return null;
    try {
      return prepareBatch(this.#stream, received);
    } catch {
      return null;
    }
  }

  /** What a channel delivered that is gone comes again: to store it now would only make a duplicate. */
  async #storeAndSettle({ items, prepared }: Batch<InHand<Fact>, PreparedBatch<Fact>>): Promise<void> {
    if (this.#hasGivenUp) return;
    const batch = items.filter(({ intake, amqp }) => intake.isCurrent(amqp));
    if (batch.length === 0) return;
    const { metrics, clock, log, stopping } = this.#ctx;
    const began = clock.monotonicMillis();
    if (this.#inHandSince === null || began - this.#lastEnd > STANDSTILL_MS) this.#inHandSince = began;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#giveBackAfterMs);
    try {
      const { received, outcomes } = await this.#store(batch, prepared, AbortSignal.any([stopping, patience.signal]));
      this.#onStored();
      // fail point: after_commit_before_ack
      settle(batch);
      // fail point: after_ack
      this.#inHandSince = null;
      this.#lastCommit = clock.nowInstantText();
      metrics.stored(this.#stream.name, received, outcomes, clock.monotonicMillis() - began);
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      const about = { err: error, stream: this.#stream.name, messages: batch.length };
      if (stopping.aborted) {
        this.#hasGivenUp = true;
        log.warn(about, 'batch left with the broker');
      } else {
        this.#giveBack();
        log.warn(about, 'gave back what was in hand, taking it anew');
      }
    } finally {
      clearTimeout(timer);
      this.#lastEnd = clock.monotonicMillis();
    }
  }

  #giveBack(): void {
    for (const { intake } of this.#consumed.values()) intake.reopen();
    this.#batcher.forget();
  }

  async #store(
    batch: readonly InHand<Fact>[],
    prepared: PreparedBatch<Fact> | null,
    stopping: AbortSignal,
  ): Promise<Stored<Fact>> {
    const { db, suspects } = this.#ctx;
    const receiver = this.#receiver;
    const ctx = { ...this.#ctx, stopping, alarm: this.#alarm };
    if (batch.some(({ amqp }) => isSuspect(amqp))) {
      const deliveries = batch.map(({ delivery }) => delivery);
      return storeSuspects({ ...ctx, stream: this.#stream, receiver }, deliveries);
    }
    const received = await suspects.besideOthers(() => {
      const receive = receiver.asOfNow();
      return receiver.knownByNow(batch.map((one) => one.received ?? receive(one.delivery)));
    });
    const beside = { ...ctx, db: transactionsWithin(db, (work) => suspects.besideOthers(work)) };
    const stillTrue = prepared !== null && isOf(prepared, received) ? prepared : null;
    return { received, outcomes: await storeBatch(beside, this.#stream, received, stillTrue) };
  }
}

function deliveryOf({ queue, partner }: Intake, amqp: AmqpDelivery): Delivery {
  const { body, exchange, routingKey, redelivered, properties } = amqp;
  return { body, exchange, routingKey, queue, redelivered, properties, owner: partner?.orgId, keyId: partner?.keyId };
}

/** Queues of several virtual hosts may have the same name. */
function nameOf(queue: string, { partner }: Source): string {
  return partner === undefined ? queue : `${partner.vhost}/${queue}`;
}

function isFlowingWell({ intake, source }: Consumed): boolean {
  return intake.state === 'consuming' && source.watchdog.isFlowing(intake.queue);
}

function report({ intake, source }: Consumed): object {
  const { queue, state, inHand, isCareful } = intake;
  return { state, inHand, isCareful, ...source.watchdog.reportOf(queue) };
}

/** A batch is a gap-free prefix of what each of its channels delivered, so one ack per queue settles it. */
function settle(batch: readonly InHand<unknown>[]): void {
  const byIntake = new Map<Intake, AmqpDelivery[]>();
  for (const { intake, amqp } of batch) {
    const prefix = byIntake.get(intake);
    if (prefix === undefined) byIntake.set(intake, [amqp]);
    else prefix.push(amqp);
  }
  for (const [intake, prefix] of byIntake) intake.settle(prefix);
}
