import { EXCHANGES, type StreamName } from '@quarterhour/contracts';
import { NO_ORGANISATION, findSample, getDispatch, getQuarantined, listReadings, type Trx } from '@quarterhour/db';
import {
  assetStatusStream,
  dispatchStream,
  plantTelemetryStream,
  tradingConfigStream,
  type AssetStatusFact,
  type Delivery,
  type DispatchFact,
  type PlantTelemetryFact,
  type ReceiveContext,
  type TradingConfigFact,
} from '@quarterhour/ingestion';
import type { Message } from './message.js';
import { newestQuarantined } from './quarantine.js';
import { receiptsOf, type KnownReceipt } from './receipts.js';

/** Where a message is to be found once the worker has settled it. */
export type Destination = { readonly stream: StreamName; readonly orgId: string } & (
  | { readonly kind: 'dispatch'; readonly fact: DispatchFact }
  | { readonly kind: 'telemetry'; readonly fact: PlantTelemetryFact }
  | { readonly kind: 'trading-config'; readonly fact: TradingConfigFact }
  | { readonly kind: 'asset-status'; readonly fact: AssetStatusFact }
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
  switch (streamOf(message)) {
    case 'dispatch': {
      const received = dispatchStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'dispatch', orgId, kind: 'quarantine' };
      return { stream: 'dispatch', orgId, kind: 'dispatch', fact: received.fact };
    }
    case 'plant-telemetry': {
      const received = plantTelemetryStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'plant-telemetry', orgId, kind: 'quarantine' };
      return { stream: 'plant-telemetry', orgId, kind: 'telemetry', fact: received.fact };
    }
    case 'trading-config': {
      const received = tradingConfigStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'trading-config', orgId, kind: 'quarantine' };
      return { stream: 'trading-config', orgId, kind: 'trading-config', fact: received.fact };
    }
    case 'asset-status': {
      const received = assetStatusStream.receive(delivery, ctx);
      const { orgId } = received;
      if (received.kind === 'refused') return { stream: 'asset-status', orgId, kind: 'quarantine' };
      return { stream: 'asset-status', orgId, kind: 'asset-status', fact: received.fact };
    }
    case null:
      return null;
  }
}

/** What the queues are bound for: partners' config is told from their telemetry by the second word of its key. */
function streamOf({
  exchange,
  routingKey,
}: Message): Exclude<StreamName, 'partner-command' | 'command-answer' | 'dead-letter'> | null {
  switch (exchange) {
    case EXCHANGES.dispatch:
      return 'dispatch';
    case EXCHANGES.fleet:
      return routingKey.startsWith('status.') ? 'asset-status' : 'plant-telemetry';
    case EXCHANGES.vcp:
      return routingKey.split('.')[1] === 'config' ? 'trading-config' : 'plant-telemetry';
    case EXCHANGES.trading:
      return 'trading-config';
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
      return telemetryArrival(trx, destination.fact);
    case 'trading-config':
      return configArrival(trx, destination.fact);
    case 'asset-status':
      return statusArrival(trx, destination.fact);
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

async function configArrival(trx: Trx, { orgId, messageId, kind }: TradingConfigFact): Promise<Arrival | null> {
  const receipts = await receiptsOf(trx, { messageId });
  const receipt = receipts.find(
    (one) => one.orgId === orgId && one.stream === 'trading-config' && one.quarantineId === null,
  );
  if (receipt === undefined) return null;
  return {
    mark: `config ${receipt.copies ?? 1}`,
    title: 'Stored as a trading config event',
    orgId,
    fields: {
      kind,
      'message id': messageId,
      'received at': receipt.firstReceivedAt,
      copies: String(receipt.copies ?? 1),
    },
    path: `/quarterhour/v1/trading-config-events?${new URLSearchParams({ message_id: messageId }).toString()}`,
  };
}

async function statusArrival(trx: Trx, fact: AssetStatusFact): Promise<Arrival | null> {
  const { orgId, assetId, messageId, status, effectiveAt } = fact;
  const receipts = await receiptsOf(trx, { messageId });
  const receipt = receipts.find(
    (one) => one.orgId === orgId && one.stream === 'asset-status' && one.quarantineId === null,
  );
  if (receipt === undefined) return null;
  return {
    mark: `status ${receipt.copies ?? 1}`,
    title: 'Stored as the status of an asset',
    orgId,
    fields: {
      asset: assetId,
      status,
      'effective at': effectiveAt,
      'received at': receipt.firstReceivedAt,
      copies: String(receipt.copies ?? 1),
    },
    path: `/asset-api/v1/statuses?${new URLSearchParams({ asset_ids: assetId, from: effectiveAt }).toString()}`,
  };
}

/**
 * What this message brought, if it is kept as a version of its own; else the version that stands, of which it may be a copy.
 */
async function telemetryArrival(trx: Trx, fact: PlantTelemetryFact): Promise<Arrival | null> {
  const { orgId, plantId, messageId } = fact.kind === 'realtime' ? fact.sample : (fact.readings[0] ?? NOTHING);
  const versions = (await receiptsOf(trx, { plantId, measuredAt: fact.measuredAt })).filter(
    ({ kind }) => kind === fact.kind,
  );
  const version = versions.find((one) => one.messageId === messageId) ?? versions.find(isCurrent);
  if (version === undefined) return null;
  return {
    mark: `version ${version.messageId ?? ''}`,
    title: titleOf(version, fact.kind),
    orgId,
    fields: {
      plant: plantId,
      ...(isCurrent(version) ? await valuesOf(trx, orgId, plantId, fact) : {}),
      'message id': version.messageId,
      'received at': version.firstReceivedAt,
    },
    path: `/quarterhour/v1/ingestion/receipts?${new URLSearchParams({ plant_id: plantId, measured_at: fact.measuredAt }).toString()}`,
  };
}

const NOTHING = { orgId: NO_ORGANISATION, plantId: NO_ORGANISATION, messageId: '' };

function isCurrent({ currentRows }: KnownReceipt): boolean {
  return (currentRows ?? 0) > 0;
}

function titleOf(version: KnownReceipt, kind: PlantTelemetryFact['kind']): string {
  const what = kind === 'realtime' ? 'a realtime sample' : 'meter readings';
  if (version.outcome === 'stored' && isCurrent(version)) return `Stored as ${what}`;
  if (isCurrent(version)) return `Stored as a correction of ${what}`;
  return `Kept as an earlier version of ${what}, a later one stands`;
}

async function valuesOf(
  trx: Trx,
  orgId: string,
  plantId: string,
  fact: PlantTelemetryFact,
): Promise<Record<string, string | null>> {
  if (fact.kind === 'meter') {
    const stored = await listReadings(trx, orgId, plantId, fact.measuredAt);
    const named = stored.map((row) => [`${row.deviceId} ${row.register}`, withUnit(row.valueKwh, 'kWh')] as const);
    return { 'read at': fact.measuredAt, ...Object.fromEntries(named) };
  }
  const sample = await findSample(trx, orgId, plantId, fact.measuredAt);
  if (sample === null) return {};
  return {
    'measured at': sample.measuredAt,
    grid: withUnit(sample.gridKw, 'kW'),
    pv: withUnit(sample.pvKw, 'kW'),
    battery: withUnit(sample.batteryKw, 'kW'),
    consumption: withUnit(sample.consumptionKw, 'kW'),
    'state of charge': withUnit(sample.socPercent, '%'),
    quality: sample.dataQuality,
  };
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
