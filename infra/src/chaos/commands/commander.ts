import {
  EXCHANGES,
  VCP_VERSION,
  outboundQueue,
  partnerCommandKey,
  partnerVhost,
  vcpAckEvent,
  vcpExecutionEvent,
  type CommandSubject,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import { SIGNATURE_ALGORITHM, signatureOf, signingKeyBytes } from '@quarterhour/ingestion';
import { openBroker, type AmqpDelivery, type Broker, type Consumer, type Publisher } from '@quarterhour/messaging';
import { createLogger, sleep, systemClock } from '@quarterhour/runtime';
import { z } from 'zod';
import type { Arena } from '../arena.js';
import type { ControlApi } from '../lifecycle/control-api.js';
import type { ChaosOrganisation } from '../organisations.js';
import { randomStream } from '../random.js';

const CONFIG = {
  esmApiUrl: 'https://esm.partner.example/api/v1/voke-esm',
  esmClientId: 'chaos',
  esmClientSecret: 'not much of a secret',
};
const KEY = {
  name: 'chaos',
  scopes: ['vcp:connect', 'vcp:read', 'vcp:write:setpoint', 'vcp:write:device-command'],
};
const minted = z.looseObject({ id: z.string(), key: z.string(), signingKey: z.string() });
const AGAIN_AFTER_MS = 200;
const PREFETCH = 200;
/** Of a hundred commands, so many are sent once more though they were confirmed. */
const SENT_AGAIN = 8;
const DEVICES = ['BAT-1', 'BAT-2', 'BAT-3', 'BAT-4', 'BAT-5', 'BAT-6'] as const;

/** A command as its partner sent it. */
export interface SentCommand {
  readonly messageId: string;
  readonly plantId: string;
  /** Different in every command, and part of what its plant is told: in kW. */
  readonly mark: number;
  isConfirmed: boolean;
}

/** What a partner heard about a command. */
export interface HeardEvent {
  /** The bytes, as text: the same answer is the same to the byte. */
  readonly body: string;
  readonly status: string;
  readonly reason: string | null;
}

/** A partner that commands its plants, one command of a plant after the other, and follows what it is answered. */
export class Commander {
  readonly organisation: ChaosOrganisation;
  readonly keyId: string;
  readonly sent: SentCommand[] = [];
  /** By message id, in the order of their first arrival. */
  readonly acks = new Map<string, HeardEvent[]>();
  readonly executions = new Map<string, HeardEvent[]>();
  readonly #arena: Arena;
  readonly #key: z.output<typeof minted>;

  private constructor(arena: Arena, organisation: ChaosOrganisation, key: z.output<typeof minted>) {
    this.#arena = arena;
    this.organisation = organisation;
    this.#key = key;
    this.keyId = key.id;
  }

  /** Mints its key and has its trading opened. */
  static async prepare(
    arena: Arena,
    api: ControlApi,
    organisation: ChaosOrganisation,
    signal: AbortSignal,
  ): Promise<Commander> {
    const { id } = organisation;
    await api.ask(id, '/api/v1/trading/config', CONFIG, signal);
    const answer = await api.ask(id, '/api/v1/partner/api-keys', KEY, signal);
    const commander = new Commander(arena, organisation, minted.parse(answer?.body));
    await api.ask(id, '/api/v1/trading/config/enable', {}, signal);
    return commander;
  }

  /** Follows what it is told, for as long as the broker's connection lives. @returns the connection */
  async follow(signal: AbortSignal): Promise<Broker> {
    const broker = await this.#login(signal);
    const { queuePrefix } = this.organisation;
    const listen = (queue: string, take: (text: string) => void) =>
      broker.consume({
        queue,
        prefetch: PREFETCH,
        onDelivery: (delivery: AmqpDelivery, consumer: Consumer) => {
          take(delivery.body.toString());
          consumer.ack([delivery]);
        },
      });
    await listen(outboundQueue(queuePrefix, 'status').name, (body) => {
      const { payload } = vcpAckEvent.parse(JSON.parse(body));
      const { commandMessageId, status, rejectionReason = null } = payload;
      hear(this.acks, commandMessageId, { body, status, reason: rejectionReason });
    });
    await listen(outboundQueue(queuePrefix, 'execution').name, (body) => {
      const { payload } = vcpExecutionEvent.parse(JSON.parse(body));
      hear(this.executions, payload.commandMessageId, { body, status: payload.status, reason: payload.reason ?? null });
    });
    return broker;
  }

  /** Commands each plant so many times a second, until the signal is aborted; resolves when all of it is confirmed. */
  async command(broker: Broker, seed: string, perSecond: number, signal: AbortSignal): Promise<void> {
    const publisher = broker.publisher();
    await Promise.all(
      this.organisation.plants.map((plantId) =>
        this.#commandPlant(publisher, `${seed} ${plantId}`, plantId, perSecond, signal),
      ),
    );
  }

  async #commandPlant(
    publisher: Publisher,
    seed: string,
    plantId: string,
    perSecond: number,
    signal: AbortSignal,
  ): Promise<void> {
    const random = randomStream(`commands ${seed}`);
    for (let mark = 1; !signal.aborted; mark += 1) {
      const sent: SentCommand = { messageId: random.uuid(), plantId, mark, isConfirmed: false };
      this.sent.push(sent);
      const isDevice = random.between(1, 100) <= 60;
      const payload = isDevice ? devicePayload(mark, random.pick(DEVICES)) : setpointPayload(mark);
      const envelope = this.#signed(sent, payload);
      await this.#publish(publisher, isDevice ? 'device' : 'site-setpoint', envelope);
      sent.isConfirmed = true;
      if (random.between(1, 100) <= SENT_AGAIN) {
        await sleep(random.between(0, 500), signal);
        await this.#publish(publisher, isDevice ? 'device' : 'site-setpoint', envelope);
      }
      await sleep(1_000 / perSecond, signal);
    }
  }

  #signed({ messageId, plantId }: SentCommand, payload: Readonly<Record<string, unknown>>): VcpEnvelope {
    const envelope = {
      version: VCP_VERSION,
      messageId,
      correlationId: `about ${messageId}`,
      timestamp: systemClock.nowInstantText(),
      source: this.organisation.slug,
      siteId: plantId,
      payload,
      signatureAlgo: SIGNATURE_ALGORITHM,
    } as const;
    return { ...envelope, signature: signatureOf(envelope, signingKeyBytes(this.#key.signingKey)) };
  }

  /** Under the same message id, until the broker has confirmed it. */
  async #publish(publisher: Publisher, subject: CommandSubject, envelope: VcpEnvelope): Promise<void> {
    const routingKey = partnerCommandKey(this.organisation.queuePrefix, subject);
    const body = Buffer.from(JSON.stringify(envelope));
    for (;;) {
      try {
        return await publisher.publish({ exchange: EXCHANGES.vcp, routingKey, messageId: envelope.messageId, body });
      } catch {
        await sleep(AGAIN_AFTER_MS);
      }
    }
  }

  async #login(signal: AbortSignal): Promise<Broker> {
    const { slug } = this.organisation;
    const { amqpPorts } = this.#arena.servers.rabbitmq;
    const password = encodeURIComponent(this.#key.key);
    const url = `amqp://${slug}:${password}@127.0.0.1:${amqpPorts[0] ?? 0}/${partnerVhost(this.keyId)}`;
    const log = createLogger({ name: slug, level: 'fatal' });
    for (;;) {
      signal.throwIfAborted();
      try {
        return await openBroker({ url, applicationName: slug, log, signal });
      } catch {
        await sleep(AGAIN_AFTER_MS, signal);
      }
    }
  }
}

/** The same to the byte is the same event: it may come again. */
function hear(heard: Map<string, HeardEvent[]>, messageId: string, event: HeardEvent): void {
  const known = heard.get(messageId) ?? [];
  if (!known.some(({ body }) => body === event.body)) heard.set(messageId, [...known, event]);
}

function setpointPayload(mark: number) {
  return {
    type: 'POWER',
    targetValueKw: mark,
    direction: 'EXPORT',
    includeConsumption: true,
    priority: 'NORMAL',
    validFrom: systemClock.nowInstantText(),
  };
}

function devicePayload(mark: number, deviceId: string) {
  return { deviceId, action: 'CHARGE', powerKw: mark };
}
