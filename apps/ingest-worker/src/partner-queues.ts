import { fanOutQueue, inboundQueue, partnerConfigQueue, partnerTelemetryQueue, QUEUES } from '@quarterhour/contracts';
import type { StreamIngest } from './ingest.js';
import type { Source } from './source.js';

type QueueIngest = Pick<StreamIngest<unknown>, 'consume' | 'release' | 'isConsuming'>;

/** The streams that partners' queues feed. */
export interface PartnerStreams {
  readonly telemetry: QueueIngest;
  readonly tradingConfig: QueueIngest;
  readonly commands: QueueIngest;
  readonly deadLetters: QueueIngest;
  /** Tells partners; stores nothing. */
  readonly fanOut: Pick<QueueIngest, 'consume' | 'release'>;
}

/** What one partner publishes into one virtual host. */
export class PartnerQueues {
  readonly #streams: PartnerStreams;
  readonly #telemetry: string;
  readonly #config: string;
  readonly #fanOut: string;
  readonly #commands: readonly string[];

  constructor(streams: PartnerStreams, prefix: string) {
    this.#streams = streams;
    this.#telemetry = partnerTelemetryQueue(prefix);
    this.#config = partnerConfigQueue(prefix);
    this.#fanOut = fanOutQueue(prefix);
    this.#commands = [inboundQueue(prefix, 'command').name, inboundQueue(prefix, 'schedule').name];
  }

  /** Of what is recorded, not of what is commanded. */
  get names(): readonly string[] {
    return [this.#telemetry, this.#config];
  }

  /** Takes in what is recorded. Again is without effect. */
  async consume(source: Source): Promise<void> {
    await this.#streams.telemetry.consume(this.#telemetry, source);
    await this.#streams.tradingConfig.consume(this.#config, source);
  }

  /** Resolves when what was in hand is settled, however long that takes. Again is without effect. */
  async release(source: Source): Promise<void> {
    await Promise.all([
      this.#streams.telemetry.release(this.#telemetry, source),
      this.#streams.tradingConfig.release(this.#config, source),
    ]);
  }

  isConsuming(source: Source): boolean {
    const { telemetry, tradingConfig } = this.#streams;
    return telemetry.isConsuming(this.#telemetry, source) && tradingConfig.isConsuming(this.#config, source);
  }

  /** Commands and schedules: there are none but in a virtual host of the partner's own. Again is without effect. */
  async consumeCommands(source: Source): Promise<void> {
    for (const queue of this.#commands) await this.#streams.commands.consume(queue, source);
  }

  async releaseCommands(source: Source): Promise<void> {
    await Promise.all(this.#commands.map((queue) => this.#streams.commands.release(queue, source)));
  }

  /** What the broker gave up on, in a virtual host of the partner's own. */
  consumeDead(source: Source): Promise<void> {
    return this.#streams.deadLetters.consume(QUEUES.dead, source);
  }

  releaseDead(source: Source): Promise<void> {
    return this.#streams.deadLetters.release(QUEUES.dead, source);
  }

  /** What is to be told to the partner's keys, in a virtual host of the partner's own. */
  consumeFanOut(source: Source): Promise<void> {
    return this.#streams.fanOut.consume(this.#fanOut, source);
  }

  releaseFanOut(source: Source): Promise<void> {
    return this.#streams.fanOut.release(this.#fanOut, source);
  }
}
