import { REASON_NAMES, REPLAYED_AS, STREAMS, OUTCOMES, QUARANTINE_STATES } from '@quarterhour/contracts';
import type { OwnDispatch, QuarantineDetail, RawBody } from '@quarterhour/contracts';
import {
  NO_ORGANISATION,
  type AuditColumn,
  type DispatchRecord,
  type FailedAttempt,
  type IngestMinuteColumn,
  type Projection,
  type QuarantineColumn,
  type QuarantinedRecord,
  type ReceiptColumn,
  type TradingConfigColumn,
} from '@quarterhour/db';
import { z } from 'zod';

export const QUARANTINE_PROJECTION: Projection<QuarantineColumn> = [
  { name: 'id', column: 'id', as: 'uuid' },
  { name: 'organisation_id', column: 'org_id', as: 'owner' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'state', column: 'state', as: 'text' },
  { name: 'reason', column: 'reason', as: 'text' },
  { name: 'path', column: 'path', as: 'text' },
  { name: 'detail', column: 'detail', as: 'text' },
  { name: 'replayable', column: 'replayable', as: 'boolean' },
  { name: 'routing_key', column: 'routing_key', as: 'text' },
  { name: 'message_id', column: 'message_id', as: 'text' },
  { name: 'body_bytes', column: 'body_bytes', as: 'integer' },
  { name: 'body_dropped', column: 'body_dropped', as: 'boolean' },
  { name: 'waits_for', column: 'waits_for', as: 'text' },
  { name: 'first_seen', column: 'first_seen', as: 'instant' },
  { name: 'last_seen', column: 'last_seen', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
  { name: 'attempts', column: 'attempts', as: 'integer' },
  {
    name: 'last_attempt',
    as: {
      object: [
        { name: 'at', column: 'attempted_at', as: 'instant' },
        { name: 'reason', column: 'attempt_reason', as: 'text' },
        { name: 'path', column: 'attempt_path', as: 'text' },
        { name: 'detail', column: 'attempt_detail', as: 'text' },
      ],
      unlessNull: 'attempted_at',
    },
  },
  { name: 'replayed_as', column: 'replayed_as', as: 'text' },
  { name: 'decided_at', column: 'decided_at', as: 'instant' },
  { name: 'decided_by', column: 'decided_by', as: 'text' },
  { name: 'decision_note', column: 'decision_note', as: 'text' },
];

export const RECEIPT_PROJECTION: Projection<ReceiptColumn> = [
  { name: 'organisation_id', column: 'org_id', as: 'owner' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'message_id', column: 'message_id', as: 'text' },
  { name: 'outcome', column: 'outcome', as: 'text' },
  { name: 'first_received_at', column: 'first_received_at', as: 'instant' },
  { name: 'last_received_at', column: 'last_received_at', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
  {
    name: 'quarantine',
    as: {
      object: [
        { name: 'id', column: 'quarantine_id', as: 'uuid' },
        { name: 'state', column: 'quarantine_state', as: 'text' },
        { name: 'reason', column: 'reason', as: 'text' },
        { name: 'path', column: 'path', as: 'text' },
        { name: 'detail', column: 'detail', as: 'text' },
        { name: 'replayed_as', column: 'replayed_as', as: 'text' },
      ],
      unlessNull: 'quarantine_id',
    },
  },
  {
    name: 'telemetry',
    as: {
      object: [
        { name: 'kind', column: 'kind', as: 'text' },
        { name: 'plant_id', column: 'plant_id', as: 'uuid' },
        { name: 'measured_at', column: 'measured_at', as: 'instant' },
        { name: 'published_at', column: 'published_at', as: 'instant' },
        { name: 'rows', column: 'rows', as: 'integer' },
        { name: 'current_rows', column: 'current_rows', as: 'integer' },
      ],
      unlessNull: 'kind',
    },
  },
  { name: 'rejection_reason', column: 'rejection_reason', as: 'text' },
];

export const TRADING_CONFIG_PROJECTION: Projection<TradingConfigColumn> = [
  { name: 'organisation_id', column: 'org_id', as: 'uuid' },
  { name: 'message_id', column: 'message_id', as: 'text' },
  { name: 'correlation_id', column: 'correlation_id', as: 'text' },
  { name: 'origin', column: 'origin', as: 'text' },
  { name: 'kind', column: 'kind', as: 'text' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'source', column: 'source', as: 'text' },
  { name: 'actor', column: 'actor', as: 'text' },
  { name: 'reason', column: 'reason', as: 'text' },
  { name: 'occurred_at', column: 'occurred_at', as: 'instant' },
  { name: 'received_at', column: 'received_at', as: 'instant' },
  { name: 'routing_key', column: 'routing_key', as: 'text' },
  { name: 'payload', column: 'payload', as: 'json' },
];

export const AUDIT_PROJECTION: Projection<AuditColumn> = [
  { name: 'organisation_id', column: 'org_id', as: 'owner' },
  { name: 'seq', column: 'seq', as: 'integer' },
  { name: 'at', column: 'at', as: 'instant' },
  { name: 'actor', column: 'actor', as: 'text' },
  { name: 'action', column: 'action', as: 'text' },
  { name: 'subject', column: 'subject', as: 'text' },
  { name: 'detail', column: 'detail', as: 'json' },
  { name: 'previous_sha256', column: 'previous_sha256', as: 'text' },
  { name: 'sha256', column: 'sha256', as: 'text' },
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
const replayedAs = z.enum(REPLAYED_AS).nullable();

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
    organisation_id: record.orgId === NO_ORGANISATION ? null : record.orgId,
    stream: stream.parse(record.stream),
    state: state.parse(record.state),
    reason: reason.parse(record.reason),
    path: record.path,
    detail: record.detail,
    replayable: record.replayable,
    routing_key: record.routingKey,
    message_id: record.messageId,
    body_bytes: record.bodyBytes,
    body_dropped: record.isBodyDropped,
    waits_for: record.waitsFor,
    first_seen: record.firstSeen,
    last_seen: record.lastSeen,
    copies: record.copies,
    attempts: record.attempts,
    last_attempt: presentAttempt(record.lastAttempt),
    replayed_as: replayedAs.parse(record.replayedAs),
    decided_at: record.decidedAt,
    decided_by: record.decidedBy,
    decision_note: record.decisionNote,
    queue: record.queue,
    exchange: record.exchange,
    properties: { ...record.properties },
    body: presentBody(record.body),
    body_sha256: record.bodySha256.toString('hex'),
    worker: record.worker,
  };
}

function presentAttempt(attempt: FailedAttempt | null): QuarantineDetail['last_attempt'] {
  return attempt === null ? null : { ...attempt, reason: reason.parse(attempt.reason) };
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
