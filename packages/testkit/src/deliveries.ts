import { randomUUID } from 'node:crypto';
import {
  assetStatusKey,
  dispatchKey,
  EXCHANGES,
  partnerConfigKey,
  partnerTelemetryKey,
  tradingConfigKey,
  type AssetStatusMessage,
  type DispatchMessage,
  type Outcome,
  type StreamName,
  type TradingConfigMessage,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import { ensurePartitions, loadRegister, NO_ORGANISATION, type Database } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { Register, prepareBatch, storeAll, withStream, type Delivery } from '@quarterhour/ingestion';
import { systemClock } from '@quarterhour/runtime';
import type { MeterEnvelope, RealtimeEnvelope } from './messages.js';

/** A message on its way to a stream. */
export interface SentMessage {
  readonly stream: StreamName;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
}

/** A dispatch command as the optimiser sends it. */
export function sentDispatch(message: DispatchMessage): SentMessage {
  return sent('dispatch', EXCHANGES.dispatch, dispatchKey(message.asset_id), message);
}

/** Status of an asset as whoever watches it sends it. */
export function sentAssetStatus(message: AssetStatusMessage): SentMessage {
  return sent('asset-status', EXCHANGES.fleet, assetStatusKey(message.asset_id), message);
}

/** Telemetry as a partner sends it. */
export function sentTelemetry(prefix: string, envelope: RealtimeEnvelope | MeterEnvelope): SentMessage {
  const kind = 'meters' in envelope.payload ? 'meter' : 'realtime';
  return sent('plant-telemetry', EXCHANGES.vcp, partnerTelemetryKey(prefix, kind, envelope.siteId), envelope);
}

/** Config of a plant as a partner sends it. */
export function sentConfig(prefix: string, subject: string, envelope: VcpEnvelope): SentMessage {
  return sent('trading-config', EXCHANGES.vcp, partnerConfigKey(prefix, subject, envelope.siteId), envelope);
}

/** A trading event as a control plane sends it. */
export function sentTradingEvent(change: string, message: TradingConfigMessage): SentMessage {
  return sent('trading-config', EXCHANGES.trading, tradingConfigKey(change), message);
}

function sent(stream: StreamName, exchange: string, routingKey: string, message: object): SentMessage {
  return { stream, exchange, routingKey, body: Buffer.from(JSON.stringify(message)) };
}

/**
 * Takes one message in as the worker does: read, stored or set aside, and counted, in one transaction.
 *
 * @param db a pool of the ingest role
 */
export async function takeIn(
  db: Database,
  { stream: name, exchange, routingKey, body }: SentMessage,
): Promise<Outcome> {
  const register = new Register(await loadRegister(db));
  const nowMillis = systemClock.nowMillis();
  const properties = { contentType: 'application/json', headers: {} };
  const delivery: Delivery = { exchange, routingKey, body, queue: 'test', redelivered: false, properties };
  const outcomes = await withStream(name, async (stream) => {
    const received = stream.receive(delivery, { register, nowMillis });
    if (received.kind === 'understood') await ensurePartitions(db, name, stream.partitionDays([received]));
    const by = { worker: `test-${randomUUID()}`, batchNo: 1, receivedAt: instantFromEpochMillis(nowMillis) };
    return db.transaction([...register.organisationIds, NO_ORGANISATION], (trx) =>
      storeAll(trx, prepareBatch(stream, [received]), by),
    );
  });
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error('a message was taken in without an outcome');
  return outcome;
}
