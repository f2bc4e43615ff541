import { randomUUID } from 'node:crypto';
import {
  EXCHANGES,
  PLANT_COMMAND_VERSION,
  QUEUES,
  VCP_VERSION,
  fleetTelemetryKey,
  plantAnswerKey,
  plantCommand,
  type PlantAnswer,
  type PlantCommand,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import type { AmqpDelivery, Broker, Consumer, OutgoingMessage, Publisher } from '@quarterhour/messaging';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import type { Done, SimulatedPlant } from './simulated-plant.js';

const PREFETCH = 200;
const AGAIN_AFTER_MS = 500;
/** Commands that come again are answered as the first time, as long as they are remembered. */
const MOST_REMEMBERED = 100_000;

export interface PlantGatewayOptions {
  readonly broker: Pick<Broker, 'consume' | 'publisher'>;
  /** By our id. A command for any other plant is not answered, as if that were away. */
  readonly plants: ReadonlyMap<string, Pick<SimulatedPlant, 'carryOut' | 'advance' | 'sample'>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often plants say what they measure; null: never. */
  readonly measuresEveryMs: number | null;
  /** From when on they do; default: at once. */
  readonly measuresFromMillis?: number;
  /** Told of each command that arrives, copies included. */
  readonly onCommand?: (command: PlantCommand, isRedelivered: boolean) => void;
}

/**
 * What stands between the exchange `fleet` and plants: fetches their commands, has each carried out once however often it
 * comes, and answers until the broker has the answer.
 */
export class PlantGateway {
  /** While it is false commands are lost and nothing is said: an offline plant. */
  isOnline = true;
  readonly #options: PlantGatewayOptions;
  readonly #publisher: Publisher;
  readonly #done = new Map<string, Omit<PlantAnswer, 'version'>>();
  readonly #closing = new AbortController();
  #consumer: Consumer | null = null;
  #measuring: Promise<void> = Promise.resolve();

  private constructor(options: PlantGatewayOptions) {
    this.#options = options;
    this.#publisher = options.broker.publisher();
  }

  static async start(options: PlantGatewayOptions): Promise<PlantGateway> {
    const gateway = new PlantGateway(options);
    const onDelivery = (delivery: AmqpDelivery, consumer: Consumer) => void gateway.#take(delivery, consumer);
    gateway.#consumer = await options.broker.consume({ queue: QUEUES.fleetCommands, prefetch: PREFETCH, onDelivery });
    gateway.#measuring = gateway.#measure();
    return gateway;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#measuring;
    await this.#consumer?.close();
    await this.#publisher.close();
  }

  async #take(delivery: AmqpDelivery, consumer: Consumer): Promise<void> {
    const command = this.#read(delivery);
    if (command !== null && this.isOnline) {
      this.#options.onCommand?.(command, delivery.redelivered);
      const answer = this.#answerTo(command);
      if (answer !== null) {
        const routingKey = plantAnswerKey(answer.plantId);
        await this.#publish({ exchange: EXCHANGES.fleet, routingKey, messageId: answer.commandId, body: json(answer) });
      }
    }
    if (!this.#closing.signal.aborted) consumer.ack([delivery]);
  }

  #read({ body }: AmqpDelivery): PlantCommand | null {
    try {
      return plantCommand.parse(JSON.parse(body.toString()));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a command cannot be read');
      return null;
    }
  }

  #answerTo(command: PlantCommand): PlantAnswer | null {
    const { commandId, plantId } = command;
    const plant = this.#options.plants.get(plantId);
    if (plant === undefined) return null;
    const known = this.#done.get(commandId);
    if (known !== undefined) return { version: PLANT_COMMAND_VERSION, ...known };
    const { outcome, reason }: Done = plant.carryOut(command, this.#options.clock.nowMillis());
    const executedAt = this.#options.clock.nowInstantText();
    const answer = { commandId, plantId, outcome, executedAt, ...(reason === null ? {} : { reason }) };
    this.#remember(commandId, answer);
    this.#options.log.info({ commandId, plantId, kind: command.kind, outcome, reason }, 'a command was carried out');
    return { version: PLANT_COMMAND_VERSION, ...answer };
  }

  #remember(commandId: string, answer: Omit<PlantAnswer, 'version'>): void {
    this.#done.set(commandId, answer);
    const [oldest] = this.#done.keys();
    if (this.#done.size > MOST_REMEMBERED && oldest !== undefined) this.#done.delete(oldest);
  }

  /** Until the broker has it, or this ends. */
  async #publish(message: OutgoingMessage): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        return await this.#publisher.publish(message);
      } catch (error) {
        this.#options.log.debug({ err: error }, 'not published yet, trying again');
        await sleep(AGAIN_AFTER_MS, this.#closing.signal);
      }
    }
  }

  async #measure(): Promise<void> {
    const { measuresEveryMs, measuresFromMillis = 0, plants, clock } = this.#options;
    if (measuresEveryMs === null) return;
    await sleep(Math.max(0, measuresFromMillis - clock.nowMillis()), this.#closing.signal);
    while (!this.#closing.signal.aborted) {
      for (const [plantId, plant] of plants) {
        plant.advance(clock.nowMillis());
        if (this.isOnline) void this.#publish(this.#telemetryOf(plantId, plant)).catch(() => undefined);
      }
      await sleep(measuresEveryMs, this.#closing.signal);
    }
  }

  #telemetryOf(plantId: string, plant: Pick<SimulatedPlant, 'sample'>): OutgoingMessage {
    const messageId = randomUUID();
    const envelope: VcpEnvelope = {
      version: VCP_VERSION,
      messageId,
      timestamp: this.#options.clock.nowInstantText(),
      source: 'plant simulator',
      siteId: plantId,
      payload: { ...plant.sample() },
    };
    return {
      exchange: EXCHANGES.fleet,
      routingKey: fleetTelemetryKey('realtime', plantId),
      messageId,
      body: json(envelope),
    };
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
