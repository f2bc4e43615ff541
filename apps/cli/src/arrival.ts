import { EXCHANGES, type StreamName } from '@quarterhour/contracts';
import { NO_ORGANISATION, findSample, getDispatch, getQuarantined, listReadings, type Trx } from '@quarterhour/db';
import { instantFromEpochMillis, type UtcInstant } from '@quarterhour/domain';
import {
  dispatchStream,
  plantTelemetryStream,
  type Delivery,
  type DispatchFact,
  type PlantTelemetryFact,
  type ReceiveContext,
} from '@quarterhour/ingestion';
import type { Message } from './message.js';
import { newestQuarantined } from './quarantine.js';

/** Where a message is to be found once the worker has settled it. */
export type Destination = { readonly stream: StreamName; readonly orgId: string } & (
  | { readonly kind: 'dispatch'; readonly fact: DispatchFact }
  | { readonly kind: 'telemetry'; readonly fact: PlantTelemetryFact }
  | { readonly kind: 'quarantine' }
);

/** Something that a message became. */
export interface Arrival {
  /** Another one whenever another copy arrived. */
  readonly mark: string;
  readonly title: string;
  readonly orgId: string;
  readonly fields: Readonly<Record<string, string | null>>;
  /** Path and query of the read API that shows it. */
  readonly path: string;
}

/** Reads a message as the worker will; null when no worker takes from its exchange. */
export function destinationOf(message: Message, ctx: ReceiveContext): Destination | null {
  const delivery: Delivery = {
    ...message,
    queue: '',
    redelivered: false,
    properties: { messageId: message.messageId, contentType: 'application/json', headers: {} },
  };
  switch (message.exchange) {
    case EXCHANGES.dispatch: {
      const received = dispatchStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'dispatch', orgId, kind: 'quarantine' };
      return { stream: 'dispatch', orgId, kind: 'dispatch', fact: received.fact };
    }
    case EXCHANGES.vcp:
    case EXCHANGES.fleet: {
      const received = plantTelemetryStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'plant-telemetry', orgId, kind: 'quarantine' };
      return { stream: 'plant-telemetry', orgId, kind: 'telemetry', fact: received.fact };
    }
    default:
      return null;
  }
}

/** All that copies of a message have become so far. The scope must hold its owner, and nobody for the unowned. */
export async function arrivalsOf(trx: Trx, message: Message, destination: Destination): Promise<Arrival[]> {
  const stored = await storedArrival(trx, message, destination);
  const quarantined = await quarantineArrival(trx, message, destination.stream);
  return [stored, quarantined].filter((arrival) => arrival !== null);
}

async function storedArrival(trx: Trx, message: Message, destination: Destination): Promise<Arrival | null> {
  switch (destination.kind) {
    case 'dispatch':
      return dispatchArrival(trx, message, destination.fact.eventId);
    case 'telemetry':
      return destination.fact.kind === 'realtime'
        ? sampleArrival(trx, destination.fact.sample)
        : readingsArrival(trx, destination.orgId, destination.fact);
    case 'quarantine':
      return null;
  }
}

async function dispatchArrival(trx: Trx, message: Message, eventId: string): Promise<Arrival | null> {
  const dispatch = await getDispatch(trx, eventId);
  const receipt = dispatch?.receipts.find(({ body }) => body.equals(message.body));
  if (dispatch === null || receipt === undefined) return null;
  return {
    mark: `dispatch ${receipt.copies}`,
    title: 'Stored as a dispatch',
    orgId: dispatch.orgId,
    fields: {
      'event id': dispatch.eventId,
      asset: dispatch.assetId,
      'dispatch time': dispatch.dispatchTime,
      'target power': `${dispatch.targetPowerMw} MW`,
      'delivery day': dispatch.deliveryDay,
      'received at': receipt.firstReceivedAt,
      copies: String(receipt.copies),
    },
    path: `/quarterhour/v1/dispatches/${dispatch.eventId}`,
  };
}

async function sampleArrival(
  trx: Trx,
  { orgId, plantId, measuredAt }: { orgId: string; plantId: string; measuredAt: UtcInstant },
): Promise<Arrival | null> {
  const sample = await findSample(trx, orgId, plantId, measuredAt);
  if (sample === null) return null;
  return {
    mark: `sample ${sample.messageId}`,
    title: 'Stored as a realtime sample',
    orgId,
    fields: {
      plant: plantId,
      'measured at': sample.measuredAt,
      grid: withUnit(sample.gridKw, 'kW'),
      pv: withUnit(sample.pvKw, 'kW'),
      battery: withUnit(sample.batteryKw, 'kW'),
      consumption: withUnit(sample.consumptionKw, 'kW'),
      'state of charge': withUnit(sample.socPercent, '%'),
      quality: sample.dataQuality,
      'message id': sample.messageId,
      'received at': sample.receivedAt,
    },
    path: `/api/v1/trading/plants/${plantId}/telemetry/latest`,
  };
}

async function readingsArrival(
  trx: Trx,
  orgId: string,
  { readings }: PlantTelemetryFact & { kind: 'meter' },
): Promise<Arrival | null> {
  const [first] = readings;
  if (first === undefined) return null;
  const stored = await listReadings(trx, orgId, first.plantId, first.readAt);
  const ours = stored.filter((row) =>
    readings.some(({ deviceId, register }) => deviceId === row.deviceId && register === row.register),
  );
  const [earliest] = ours;
  if (earliest === undefined) return null;
  return {
    mark: `readings ${ours.map(({ messageId }) => messageId).join(' ')}`,
    title: 'Stored as meter readings',
    orgId,
    fields: {
      plant: first.plantId,
      'read at': earliest.readAt,
      ...Object.fromEntries(
        ours.map(({ deviceId, register, valueKwh }) => [`${deviceId} ${register}`, withUnit(valueKwh, 'kWh')]),
      ),
      'message id': earliest.messageId,
      'received at': earliest.receivedAt,
    },
    path: minutePath(earliest.receivedAt),
  };
}

const MINUTE_MS = 60_000;

/** What became of the deliveries of one minute: the only thing over HTTP that shows meter readings arriving. */
function minutePath(receivedAt: string): string {
  const minute = Math.floor(Date.parse(receivedAt) / MINUTE_MS) * MINUTE_MS;
  const [from, to] = [minute, minute + MINUTE_MS].map(instantFromEpochMillis);
  return `/quarterhour/v1/ingestion/minutes?from=${from}&to=${to}`;
}

const MOST_LOOKED_THROUGH = 200;

async function quarantineArrival(trx: Trx, message: Message, stream: StreamName): Promise<Arrival | null> {
  const candidates = await newestQuarantined(trx, { stream, limit: MOST_LOOKED_THROUGH });
  for (const candidate of candidates) {
    if (candidate.routingKey !== message.routingKey || candidate.bodyBytes !== message.body.length) continue;
    const record = await getQuarantined(trx, candidate.id);
    if (record === null || !record.body.equals(message.body)) continue;
    return {
      mark: `quarantine ${record.id} ${record.copies}`,
      title: 'Set aside in quarantine',
      orgId: record.orgId,
      fields: {
        id: record.id,
        reason: record.reason,
        path: record.path,
        detail: record.detail,
        'can be replayed': record.replayable ? 'yes' : 'no',
        'first seen': record.firstSeen,
        copies: String(record.copies),
      },
      path: `/quarterhour/v1/quarantine/${record.id}`,
    };
  }
  return null;
}

/** Only an administrator's token shows what belongs to nobody. */
export function roleToSee({ orgId }: Arrival): 'admin' | 'operator' {
  return orgId === NO_ORGANISATION ? 'admin' : 'operator';
}

function withUnit(value: number | null, unit: string): string | null {
  return value === null ? null : `${value} ${unit}`;
}
