import { hash } from 'node:crypto';
import { NEVER_REPLAYED, REASONS, type Outcome, type StreamName } from '@quarterhour/contracts';
import {
  insertQuarantine,
  lockProgress,
  type MinuteCount,
  recordBatch,
  type NewQuarantined,
  type Trx,
} from '@quarterhour/db';
import { parseInstant, type UtcInstant } from '@quarterhour/domain';
import { v7 as uuidv7 } from 'uuid';
import type { DeliveryProperties } from './delivery.js';
import type { Fault, Received, Refused, Understood } from './received.js';
import type { PreparedFacts, Stream } from './stream.js';

const MAX_PROPERTIES_CHARACTERS = 16_384;
const MAX_PROPERTIES_DEPTH = 16;

/** Who stores, when, and as which of its batches: with it a worker finds out whether a commit without an answer happened. */
export interface StoredBy {
  readonly worker: string;
  readonly batchNo: number;
  readonly receivedAt: UtcInstant;
}

/** A batch of deliveries of one stream, ready to be stored in a transaction to come. */
export interface PreparedBatch<Fact> {
  readonly stream: Stream<Fact>;
  readonly received: readonly Received<Fact>[];
  readonly understood: readonly Placed<Understood<Fact>>[];
  readonly refused: readonly Placed<Refused>[];
  readonly facts: PreparedFacts;
}

/** A delivery with its place in the batch. */
interface Placed<R> {
  readonly position: number;
  readonly received: R;
}

/** Does what can be done before there is a transaction. Pure and synchronous. */
export function prepareBatch<Fact>(stream: Stream<Fact>, received: readonly Received<Fact>[]): PreparedBatch<Fact> {
  const understood: Placed<Understood<Fact>>[] = [];
  const refused: Placed<Refused>[] = [];
  for (const [position, one] of received.entries()) {
    if (one.kind === 'understood') understood.push({ position, received: one });
    else refused.push({ position, received: one });
  }
  const facts = stream.prepare(understood.map((placed) => placed.received));
  return { stream, received, understood, refused, facts };
}

/** Whether what was prepared is just what was received, by now: each delivery, as it is understood, in this order. */
export function isOf<Fact>(prepared: PreparedBatch<Fact>, received: readonly Received<Fact>[]): boolean {
  return (
    prepared.received.length === received.length &&
    received.every((one, position) => one === prepared.received[position])
  );
}

/**
 * Keeps one batch within the caller's transaction: facts, quarantine, counts and the worker's progress.
 *
 * @returns an outcome per delivery, in order
 */
export async function storeAll<Fact>(trx: Trx, prepared: PreparedBatch<Fact>, by: StoredBy): Promise<Outcome[]> {
  const { stream, received: batch, understood, facts } = prepared;
  const outcomes: Outcome[] = batch.map(() => 'stored');
  const refused = [...prepared.refused];
  lockProgress(trx, by.worker, stream.name);
  const verdicts = understood.length === 0 ? [] : await facts.store(trx);
  for (const [index, { position, received }] of understood.entries()) {
    const verdict = verdicts[index] ?? 'conflict';
    if (verdict === 'conflict') refused.push({ position, received: inConflict(received) });
    else outcomes[position] = verdict;
  }
  // fail point: after_facts
  for (const { position, outcome } of await setAside(trx, stream.name, refused, by)) outcomes[position] = outcome;
  // fail point: after_quarantine
  recordBatch(trx, {
    worker: by.worker,
    stream: stream.name,
    batchNo: by.batchNo,
    counts: count(stream.name, batch, outcomes, by.receivedAt),
  });
  // fail point: before_commit
  return outcomes;
}

/** The same key says something else already; what stands, stands. */
export const CONFLICT: Fault = {
  reason: 'conflict',
  path: null,
  detail: 'a message with the same key and other content is stored already; that one stands',
  waitsFor: null,
};

function inConflict(received: Understood<unknown>): Refused {
  return {
    kind: 'refused',
    delivery: received.delivery,
    orgId: received.orgId,
    messageId: received.messageId,
    fault: CONFLICT,
  };
}

/** What the broker gave up on is counted and kept with the stream that it was meant for. */
function streamOf(received: Received<unknown>, takenBy: StreamName): StreamName {
  return received.kind === 'refused' ? (received.stream ?? takenBy) : takenBy;
}

async function setAside(
  trx: Trx,
  stream: StreamName,
  refused: readonly Placed<Refused>[],
  by: StoredBy,
): Promise<{ position: number; outcome: Outcome }[]> {
  if (refused.length === 0) return [];
  const rows = refused.map(({ received }) => quarantined(streamOf(received, stream), received, by));
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
    replayable: REASONS[fault.reason].replayable && !NEVER_REPLAYED.includes(stream),
    waitsFor: fault.waitsFor,
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

type Count = MinuteCount & { n: number };

/** What comes one after the other mostly belongs to one count, which then is not looked up again. */
function count<Fact>(
  takenBy: StreamName,
  batch: readonly Received<Fact>[],
  outcomes: readonly Outcome[],
  receivedAt: UtcInstant,
): MinuteCount[] {
  const minute = parseInstant(`${receivedAt.slice(0, 16)}:00Z`);
  const counts = new Map<string, Count>();
  let last: Count | undefined;
  for (const [position, received] of batch.entries()) {
    const { orgId } = received;
    const { redelivered } = received.delivery;
    const stream = streamOf(received, takenBy);
    const outcome = outcomes[position] ?? 'stored';
    if (
      last?.orgId !== orgId ||
      last.stream !== stream ||
      last.outcome !== outcome ||
      last.redelivered !== redelivered
    ) {
      const key = `${orgId} ${stream} ${outcome} ${redelivered}`;
      last = counts.get(key) ?? { orgId, stream, minute, outcome, redelivered, n: 0 };
      counts.set(key, last);
    }
    last.n += 1;
  }
  return [...counts.values()];
}
