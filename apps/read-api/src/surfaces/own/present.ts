import { REASON_NAMES, STREAMS, OUTCOMES, QUARANTINE_STATES } from '@quarterhour/contracts';
import type { OwnDispatch, QuarantineDetail, RawBody } from '@quarterhour/contracts';
import type {
  DispatchRecord,
  IngestMinuteColumn,
  Projection,
  QuarantineColumn,
  QuarantinedRecord,
} from '@quarterhour/db';
import { z } from 'zod';

export const QUARANTINE_PROJECTION: Projection<QuarantineColumn> = [
  { name: 'id', column: 'id', as: 'text' },
  { name: 'organisation_id', column: 'org_id', as: 'text' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'state', column: 'state', as: 'text' },
  { name: 'reason', column: 'reason', as: 'text' },
  { name: 'path', column: 'path', as: 'text' },
  { name: 'detail', column: 'detail', as: 'text' },
  { name: 'replayable', column: 'replayable', as: 'boolean' },
  { name: 'routing_key', column: 'routing_key', as: 'text' },
  { name: 'message_id', column: 'message_id', as: 'text' },
  { name: 'body_bytes', column: 'body_bytes', as: 'integer' },
  { name: 'first_seen', column: 'first_seen', as: 'instant' },
  { name: 'last_seen', column: 'last_seen', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
];

export const MINUTE_PROJECTION: Projection<IngestMinuteColumn> = [
  { name: 'minute', column: 'minute', as: 'instant' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'outcome', column: 'outcome', as: 'text' },
  { name: 'redelivered', column: 'redelivered', as: 'boolean' },
  { name: 'n', column: 'n', as: 'integer' },
];

const outcome = z.enum(OUTCOMES);
const stream = z.enum(STREAMS);
const reason = z.enum(REASON_NAMES);
const state = z.enum(QUARANTINE_STATES);

export function presentDispatch(record: DispatchRecord): OwnDispatch {
  const receipts = record.receipts.map((receipt) => ({
    message_id: receipt.messageId,
    outcome: outcome.parse(receipt.outcome),
    first_received_at: receipt.firstReceivedAt,
    last_received_at: receipt.lastReceivedAt,
    copies: receipt.copies,
  }));
  return {
    organisation_id: record.orgId,
    source: record.source,
    event_id: record.eventId,
    published_at: record.publishedAt,
    asset_id: record.assetId,
    dispatch_time: record.dispatchTime,
    delivery_period_start: record.deliveryPeriodStart,
    delivery_day: record.deliveryDay,
    target_power: megawatts(record.targetPowerMw),
    nominal_power: record.nominalPowerMw === null ? null : megawatts(record.nominalPowerMw),
    power_imbalance: record.powerImbalanceMw === null ? null : megawatts(record.powerImbalanceMw),
    soc_imbalance: record.socImbalanceMwh === null ? null : { amount: record.socImbalanceMwh, unit: 'MWh' },
    received_at: record.receivedAt,
    outcome: receipts[0]?.outcome ?? 'stored',
    copies: receipts.reduce((sum, { copies }) => sum + copies, 0),
    receipts,
  };
}

function megawatts(amount: string): { amount: string; unit: 'MW' } {
  return { amount, unit: 'MW' };
}

export function presentQuarantined(record: QuarantinedRecord): QuarantineDetail {
  return {
    id: record.id,
    organisation_id: record.orgId,
    stream: stream.parse(record.stream),
    state: state.parse(record.state),
    reason: reason.parse(record.reason),
    path: record.path,
    detail: record.detail,
    replayable: record.replayable,
    routing_key: record.routingKey,
    message_id: record.messageId,
    body_bytes: record.bodyBytes,
    first_seen: record.firstSeen,
    last_seen: record.lastSeen,
    copies: record.copies,
    queue: record.queue,
    exchange: record.exchange,
    properties: { ...record.properties },
    body: presentBody(record.body),
    body_sha256: record.bodySha256.toString('hex'),
    worker: record.worker,
  };
}

/** Control characters other than tab and line ends. */
const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

export function presentBody(body: Buffer): RawBody {
  const text = utf8Of(body);
  if (text === undefined || NOT_TEXT.test(text)) return { encoding: 'base64', base64: body.toString('base64') };
  return { encoding: 'text', text };
}

function utf8Of(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}
