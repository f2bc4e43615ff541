import {
  EXCHANGES,
  VCP_VERSION,
  dispatchKey,
  partnerConfigKey,
  partnerTelemetryKey,
  type Reason,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import { NO_ORGANISATION } from '@quarterhour/db';
import { isAgreed, type Kind, type Message } from './ledger.js';
import { randomStream, type RandomStream } from './random.js';
import type { ChaosOrganisation } from './organisations.js';

/** Registers that each meter message brings: it is stored with so many rows or not at all. */
export const METER_REGISTERS = 2;

/** Room for ten million messages before the present is reached; nothing is measured in the future. */
const SAMPLES_BEGIN_BEFORE_MS = 30 * 3_600_000;
const BETWEEN_SAMPLES_MS = 10;
const QUARTER_HOUR_MS = 900_000;
const REMEMBERED = 400;
const TELEMETRY_BODY_LIMIT = 64 * 1024;
const TOO_DEEP = 70;

const PARTS = [
  'realtime',
  'meter',
  'dispatch',
  'config',
  'duplicate',
  'conflict',
  'correction',
  'poison',
  'unknown',
] as const;
type Part = (typeof PARTS)[number];

/** How often each thing is sent; the numbers are shares, whatever they add up to. */
export type Mix = Readonly<Partial<Record<Part, number>>>;

export const EVERYTHING: Mix = {
  realtime: 70,
  meter: 8,
  dispatch: 9,
  config: 3,
  duplicate: 4,
  conflict: 2,
  correction: 2,
  poison: 3,
  unknown: 2,
};

/** A valid message with what is needed to contradict it. */
interface Sent {
  readonly message: Message;
  readonly contradict: () => Message;
}

/**
 * Makes messages, the same ones for the same seed, organisations and time. Two of the organisations use the same message and
 * event ids for what they have to say.
 */
export class Load {
  readonly #random: RandomStream;
  readonly #organisations: readonly [ChaosOrganisation, ...ChaosOrganisation[]];
  readonly #mix: readonly Part[];
  readonly #began: number;
  readonly #remembered: Sent[] = [];
  #made = 0;

  constructor(
    seed: string,
    organisations: readonly [ChaosOrganisation, ...ChaosOrganisation[]],
    nowMillis: number,
    mix: Mix = EVERYTHING,
  ) {
    this.#random = randomStream(`load ${seed}`);
    this.#organisations = organisations;
    this.#began = nowMillis - SAMPLES_BEGIN_BEFORE_MS;
    this.#mix = PARTS.flatMap((part) => times(part, mix[part] ?? 0));
  }

  /** What is sent next: one message, or one of each organisation that shares its ids. */
  next(): Message[] {
    const part = this.#mix[this.#random.between(0, this.#mix.length - 1)] ?? 'realtime';
    this.#made += 1;
    const organisation = this.#random.pick(this.#organisations);
    switch (part) {
      case 'dispatch':
      case 'config':
      case 'realtime':
      case 'meter':
        return this.#fresh(part, organisation);
      case 'duplicate':
        return this.#again((sent) => ({ ...sent.message, class: 'duplicate' }));
      case 'conflict':
        return this.#again(
          (sent) => sent.contradict(),
          ({ message }) => isAgreed(message.kind),
        );
      case 'correction':
        return this.#again(
          (sent) => sent.contradict(),
          ({ message }) => !isAgreed(message.kind),
        );
      case 'poison':
        return [this.#poison(organisation)];
      case 'unknown':
        return [this.#unknown(organisation)];
    }
  }

  #fresh(kind: Kind, organisation: ChaosOrganisation): Message[] {
    const id = this.#random.uuid();
    const number = this.#made;
    const owners = organisation.twin === null ? [organisation] : [organisation, organisation.twin];
    const sent = owners.map((owner) => ({
      message: this.#message(owner, kind, { eventId: id, messageId: id, number, value: 0 }),
      contradict: () => {
        const value = 1 + this.#random.between(1, 1_000_000) / 1_000;
        const messageId = isAgreed(kind) ? id : this.#random.uuid();
        return this.#message(owner, kind, { eventId: id, messageId, number, value });
      },
    }));
    this.#remembered.push(...sent);
    if (this.#remembered.length > REMEMBERED) this.#remembered.splice(0, this.#remembered.length - REMEMBERED);
    return sent.map(({ message }) => message);
  }

  #again(make: (sent: Sent) => Message, isMeant: (sent: Sent) => boolean = () => true): Message[] {
    const candidates = this.#remembered.filter(isMeant);
    const chosen = candidates[this.#random.between(0, Math.max(0, candidates.length - 1))];
    return chosen === undefined ? [] : [make(chosen)];
  }

  #message(owner: ChaosOrganisation, kind: Kind, of: MessageParts): Message {
    const isFirst = of.value === 0;
    const at = this.#began + of.number * BETWEEN_SAMPLES_MS;
    const plant = of.number % 2 === 0 ? owner.plants[0] : owner.plants[1];
    const common = { orgId: owner.id, kind, reason: null };
    switch (kind) {
      case 'dispatch':
        return {
          ...common,
          class: isFirst ? 'valid' : 'conflict',
          id: of.eventId,
          exchange: EXCHANGES.dispatch,
          routingKey: dispatchKey(owner.asset),
          body: json(dispatch(owner.asset, of, at)),
        };
      case 'config':
        return {
          ...common,
          class: isFirst ? 'valid' : 'conflict',
          id: of.messageId,
          exchange: EXCHANGES.vcp,
          routingKey: partnerConfigKey(owner.queuePrefix, 'constraints', plant),
          body: json(envelope(plant, of.messageId, at, { maxExportKw: Number((10 + of.value).toFixed(3)) })),
        };
      case 'realtime':
        return {
          ...common,
          class: isFirst ? 'valid' : 'correction',
          id: `${plant} ${at}`,
          exchange: EXCHANGES.vcp,
          routingKey: partnerTelemetryKey(owner.queuePrefix, kind, plant),
          body: json(envelope(plant, of.messageId, at, realtime(10 + of.value))),
        };
      case 'meter':
        return {
          ...common,
          class: isFirst ? 'valid' : 'correction',
          id: `${plant} ${at}`,
          exchange: EXCHANGES.vcp,
          routingKey: partnerTelemetryKey(owner.queuePrefix, kind, plant),
          body: json(envelope(plant, of.messageId, at, registers(at, of.value))),
        };
    }
  }

  #poison(owner: ChaosOrganisation): Message {
    const at = this.#began + this.#made * BETWEEN_SAMPLES_MS;
    const plant = owner.plants[0];
    const [reason, body] = this.#random.pick(POISONS)(plant, this.#random.uuid(), at);
    return {
      orgId: owner.id,
      kind: 'realtime',
      class: 'poison',
      id: null,
      reason,
      exchange: EXCHANGES.vcp,
      routingKey: partnerTelemetryKey(owner.queuePrefix, 'realtime', plant),
      body,
    };
  }

  #unknown(owner: ChaosOrganisation): Message {
    const id = this.#random.uuid();
    const at = this.#began + this.#made * BETWEEN_SAMPLES_MS;
    if (this.#random.fraction() < 0.5) {
      const asset = 'DE_50HZ_NOBODY_1';
      const parts = { eventId: id, messageId: id, number: this.#made, value: 0 };
      return {
        orgId: NO_ORGANISATION,
        kind: 'dispatch',
        class: 'unknown',
        id: null,
        reason: 'unknown_asset',
        exchange: EXCHANGES.dispatch,
        routingKey: dispatchKey(asset),
        body: json(dispatch(asset, parts, at)),
      };
    }
    const site = this.#random.uuid();
    return {
      orgId: owner.id,
      kind: 'realtime',
      class: 'unknown',
      id: null,
      reason: 'unknown_plant',
      exchange: EXCHANGES.vcp,
      routingKey: partnerTelemetryKey(owner.queuePrefix, 'realtime', site),
      body: json(envelope(site, id, at, realtime(10))),
    };
  }
}

interface MessageParts {
  readonly eventId: string;
  readonly messageId: string;
  readonly number: number;
  /** 0 for the first of a key; another for each that contradicts it. */
  readonly value: number;
}

function dispatch(asset: string, { eventId, value }: MessageParts, at: number) {
  const quarter = new Date(at - (at % QUARTER_HOUR_MS)).toISOString();
  return {
    source: 'chaos',
    event_id: eventId,
    published_at: new Date(at).toISOString(),
    asset_id: asset,
    dispatch_time: quarter,
    delivery_period_start: quarter,
    target_power: { amount: (10 + value).toFixed(3), unit: 'MW' },
  };
}

function envelope(siteId: string, messageId: string, at: number, payload: object): VcpEnvelope {
  return {
    version: VCP_VERSION,
    messageId,
    timestamp: new Date(at).toISOString(),
    source: 'chaos',
    siteId,
    payload: { ...payload },
  };
}

function realtime(pvKw: number, socPercent = 50) {
  return {
    gridPowerKw: 0,
    fvePowerKw: pvKw,
    batteryPowerKw: 20,
    consumptionPowerKw: 10,
    socPercent,
    availableBatteryEnergyKwh: 50,
    dataQuality: 'GOOD',
  };
}

/** A correction corrects every register: a version is a whole message. */
function registers(at: number, value: number) {
  const counters = { importRegisterKwh: 1_000 + value, exportRegisterKwh: 67.25 + value };
  const meter = { deviceId: 'GRID', role: 'GRID', ...counters };
  return { readingAt: new Date(at).toISOString(), meters: [meter], dataQuality: 'GOOD' };
}

type Poison = (plant: string, id: string, at: number) => [Reason, Buffer];

/** Every one has bytes of its own, because the same bytes are kept once. */
const POISONS: readonly [Poison, ...Poison[]] = [
  (plant, id, at) => ['syntax', json(envelope(plant, id, at, realtime(10))).subarray(0, -2)],
  (plant, id, at) => ['charset', Buffer.concat([json(envelope(plant, id, at, realtime(10))), Buffer.from([0xff])])],
  (_plant, id) => ['depth', Buffer.from(`{"id":"${id}","nested":${'['.repeat(TOO_DEEP)}${']'.repeat(TOO_DEEP)}}`)],
  (plant, id, at) => ['schema', json({ ...envelope(plant, id, at, realtime(10)), version: '9.9' })],
  (plant, id, at) => ['implausible', json(envelope(plant, id, at, realtime(10, 150)))],
  (_plant, id) => ['duplicate_key', Buffer.from(`{"id":"${id}","id":"${id}"}`)],
  (plant, id, at) => [
    'size',
    json({ ...envelope(plant, id, at, realtime(10)), padding: 'x'.repeat(TELEMETRY_BODY_LIMIT) }),
  ],
];

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function times<T>(value: T, count: number): T[] {
  return Array.from({ length: count }, () => value);
}
