import { hash } from 'node:crypto';
import { REASONS, type Outcome, type StreamName } from '@quarterhour/contracts';
import { insertQuarantine, type MinuteCount, recordBatch, type NewQuarantined, type Trx } from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { v7 as uuidv7 } from 'uuid';
import type { DeliveryProperties } from './delivery.js';
import type { Received, Refused, Understood } from './received.js';
import { PartlyStoredError, type Stream } from './stream.js';

const MAX_PROPERTIES_CHARACTERS = 16_384;
const MAX_PROPERTIES_DEPTH = 16;

/** Who stores, when, and as which of its batches: with it a worker finds out whether a commit without an answer happened. */
export interface StoredBy {
  readonly worker: string;
  readonly batchNo: number;
  readonly receivedAt: UtcInstant;
}

/**
 * Keeps one batch within the caller's transaction: facts, quarantine, counts and the worker's progress.
 *
 * @returns an outcome per delivery, in order
 * @throws PartlyStoredError see {@link Stream.store}; the caller rolls back and calls again with those set aside
 */
export async function storeAll<Fact>(
  trx: Trx,
  stream: Stream<Fact>,
  batch: readonly Received<Fact>[],
  by: StoredBy,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = batch.map(() => 'stored');
  const refused = batch.flatMap((received, position) => (received.kind === 'refused' ? [{ position, received }] : []));
  for (const { position, received, verdict } of await storeFacts(trx, stream, batch, by)) {
    if (verdict === 'conflict') refused.push({ position, received: inConflict(received) });
    else outcomes[position] = verdict;
  }
  // fail point: after_facts
  for (const { position, outcome } of await setAside(trx, stream.name, refused, by)) outcomes[position] = outcome;
  // fail point: after_quarantine
  await recordBatch(trx, {
    worker: by.worker,
    stream: stream.name,
    batchNo: by.batchNo,
    counts: count(batch, outcomes, by.receivedAt),
  });
  // fail point: before_commit
  return outcomes;
}

async function storeFacts<Fact>(trx: Trx, stream: Stream<Fact>, batch: readonly Received<Fact>[], by: StoredBy) {
  const understood = batch.flatMap((received, position) =>
    received.kind === 'understood' ? [{ position, received }] : [],
  );
  if (understood.length === 0) return [];
  try {
    const facts = understood.map(({ received }) => received);
    const verdicts = await stream.store(trx, facts, by.receivedAt);
    return understood.map((one, index) => ({ ...one, verdict: verdicts[index] ?? 'conflict' }));
  } catch (error) {
    if (!(error instanceof PartlyStoredError)) throw error;
    const inFacts = new Set(error.positions);
    throw new PartlyStoredError(understood.flatMap(({ position }, index) => (inFacts.has(index) ? [position] : [])));
  }
}

/** The same key says something else already; what stands, stands. */
export function inConflict<Fact>(received: Understood<Fact>): Refused {
  const detail = 'another message with this key and other content was stored before';
  return {
    kind: 'refused',
    delivery: received.delivery,
    orgId: received.orgId,
    messageId: null,
    fault: { reason: 'conflict', path: null, detail },
  };
}

async function setAside(
  trx: Trx,
  stream: StreamName,
  refused: readonly { position: number; received: Refused }[],
  by: StoredBy,
): Promise<{ position: number; outcome: Outcome }[]> {
  if (refused.length === 0) return [];
  const rows = refused.map(({ received }) => quarantined(stream, received, by));
  const outcomes = await insertQuarantine(trx, rows);
  return refused.map(({ position }, index) => ({ position, outcome: outcomes[index] ?? 'quarantined' }));
}

function quarantined(stream: StreamName, refused: Refused, by: StoredBy): NewQuarantined {
  const { delivery, fault } = refused;
  return {
    id: uuidv7(),
    orgId: refused.orgId,
    stream,
    queue: delivery.queue,
    exchange: delivery.exchange,
    routingKey: delivery.routingKey,
    messageId: refused.messageId,
    properties: bearable(delivery.properties),
    body: delivery.body,
    bodySha256: hash('sha256', delivery.body, 'buffer'),
    reason: fault.reason,
    path: fault.path,
    detail: fault.detail,
    replayable: REASONS[fault.reason].replayable,
    worker: by.worker,
    firstSeen: by.receivedAt,
  };
}

/** Headers are a partner's free text, in tables within tables: kept if they are of a bearable depth and size. */
function bearable(properties: DeliveryProperties): Readonly<Record<string, unknown>> {
  if (isDeeperThan(MAX_PROPERTIES_DEPTH, properties)) return { omitted: `deeper than ${MAX_PROPERTIES_DEPTH} levels` };
  const size = JSON.stringify(properties).length;
  return size <= MAX_PROPERTIES_CHARACTERS ? { ...properties } : { omitted: `${size} characters` };
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

function count<Fact>(
  batch: readonly Received<Fact>[],
  outcomes: readonly Outcome[],
  receivedAt: UtcInstant,
): MinuteCount[] {
  const minute = parseInstant(`${receivedAt.slice(0, 16)}:00Z`);
  const counts = new Map<string, MinuteCount>();
  batch.forEach(({ orgId, delivery }, position) => {
    const outcome = outcomes[position] ?? 'stored';
    const key = `${orgId} ${outcome} ${delivery.redelivered}`;
    const before = counts.get(key)?.n ?? 0;
    counts.set(key, { orgId, minute, outcome, redelivered: delivery.redelivered, n: before + 1 });
  });
  return [...counts.values()];
}
