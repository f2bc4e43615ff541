import { NEVER_REPLAYED, STREAMS, type Outcome, type Reason, type StreamName } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  classifyError,
  ensurePartitionsWithin,
  lockParked,
  lockQuarantined,
  NO_ORGANISATION,
  raiseKnownAt,
  recordAttempts,
  recordAudit,
  tryAlone,
  type Attempt,
  type Database,
  type QuarantinedRecord,
  type Trx,
  type Waiting,
} from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import type { Delivery, DeliveryProperties } from './delivery.js';
import type { Fault, Received, Understood } from './received.js';
import type { Register } from './register.js';
import { CONFLICT } from './store-all.js';
import type { Stream } from './stream.js';
import { withStream } from './streams/index.js';

/** What taking quarantined deliveries in after all needs. */
export interface ReplayContext {
  readonly db: Database;
  readonly register: Register;
  /** Epoch milliseconds. */
  readonly nowMillis: number;
  /** Whose deliveries are in reach, `NO_ORGANISATION` for those of nobody; facts of others are not stored. */
  readonly organisations: readonly string[];
  /** Who decided it, for the record: a token's subject or a process. At most 200 characters. */
  readonly by: string;
}

/** What became of one delivery that was tried again. */
export type ReplayResult = { readonly id: string } & (
  | { readonly result: 'replayed'; readonly outcome: Exclude<Outcome, 'quarantined'> }
  | {
      readonly result: 'still-quarantined';
      readonly reason: Reason;
      readonly path: string | null;
      readonly detail: string;
    }
  | { readonly result: 'not-open'; readonly state: string }
  | { readonly result: 'not-replayable'; readonly detail: string }
);

/**
 * Takes deliveries in after all: the bytes as they came, through the same reading and storing as on the first day, in the
 * order in which they came. What still stands in the way is written down. All of it in one transaction with its audit
 * entries; a delivery that the database refuses is found by halving, and the others go through.
 *
 * @param ids deliveries out of reach, or that do not exist, are left out of the answer
 * @param dryRun says what would become of them, and leaves everything as it is
 * @returns a result per delivery found, in the order in which they came
 */
export function replayDeliveries(
  ctx: ReplayContext,
  ids: readonly string[],
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<ReplayResult[]> {
  const inOrder = [...new Set(ids)].sort(); // UUIDv7: their order is that of arrival
  return replayInHalves(ctx, inOrder, { dryRun, isAudited: true });
}

interface ReplayMode {
  readonly dryRun: boolean;
  readonly isAudited: boolean;
}

async function replayInHalves(ctx: ReplayContext, ids: readonly string[], mode: ReplayMode): Promise<ReplayResult[]> {
  if (ids.length === 0) return [];
  try {
    return await inOneTransaction(ctx, mode.dryRun, async (trx) => {
      return replayLocked(trx, ctx, await lockQuarantined(trx, ids), mode, null);
    });
  } catch (error) {
    if (classifyError(error) !== 'data') throw error;
    if (ids.length === 1) {
      return inOneTransaction(ctx, mode.dryRun, async (trx) => {
        return replayLocked(trx, ctx, await lockQuarantined(trx, ids), mode, refusedByDatabase(error));
      });
    }
    const middle = Math.ceil(ids.length / 2);
    const first = await replayInHalves(ctx, ids.slice(0, middle), mode);
    return [...first, ...(await replayInHalves(ctx, ids.slice(middle), mode))];
  }
}

const PARKED_AT_ONCE = 200;

/**
 * Takes in the next of the deliveries that waited for something that is registered by now. One process at a time does so;
 * another answers null at once.
 *
 * @returns how many were looked at; fewer than the most at once means that none is left
 */
export async function replayParked(ctx: ReplayContext, waiting: Waiting): Promise<number | null> {
  const seen: string[] = [];
  try {
    return await ctx.db.transaction(ctx.organisations, async (trx) => {
      if (!(await tryAlone(trx, 'replay-parked'))) return null;
      const records = await lockParked(trx, waiting, PARKED_AT_ONCE);
      seen.push(...records.map(({ id }) => id));
      await replayLocked(trx, ctx, records, { dryRun: false, isAudited: false }, null);
      return records.length;
    });
  } catch (error) {
    if (classifyError(error) !== 'data') throw error;
    return (await replayInHalves(ctx, seen, { dryRun: false, isAudited: false })).length;
  }
}

/** Whether a call of {@link replayParked} left something behind. */
export function isMoreParked(looked: number | null): boolean {
  return looked === PARKED_AT_ONCE;
}

/** Carries a dry run's answer out of the transaction that it rolls back. */
class DryRunOver extends Error {
  override readonly name = 'DryRunOver';
  readonly results: ReplayResult[];

  constructor(results: ReplayResult[]) {
    super('the dry run is over');
    this.results = results;
  }
}

async function inOneTransaction(
  { db, organisations }: ReplayContext,
  dryRun: boolean,
  work: (trx: Trx) => Promise<ReplayResult[]>,
): Promise<ReplayResult[]> {
  try {
    return await againAfterDeadlock(() =>
      db.transaction(organisations, async (trx) => {
        const results = await work(trx);
        if (dryRun) throw new DryRunOver(results);
        return results;
      }),
    );
  } catch (error) {
    if (error instanceof DryRunOver) return error.results;
    throw error;
  }
}

interface Tried {
  readonly record: QuarantinedRecord;
  readonly received: Received<unknown>;
}

async function replayLocked(
  trx: Trx,
  ctx: ReplayContext,
  records: readonly QuarantinedRecord[],
  { isAudited }: ReplayMode,
  refused: Fault | null,
): Promise<ReplayResult[]> {
  const closed = records.flatMap((record) => closedResult(record) ?? []);
  const open = records.filter((record) => closedResult(record) === null);
  const concerned = new Set(open.flatMap((record) => [record.orgId, receivedAgain(ctx, record).orgId]));
  await raiseKnownAt(trx, within(concerned, ctx.organisations));
  const results = new Map<string, ReplayResult>(closed.map((result) => [result.id, result]));
  const attempts: Attempt[] = [];
  for (const name of STREAMS) {
    const ofStream = open.filter(({ stream }) => stream === name);
    const tried =
      ofStream.length === 0 ? [] : await withStream(name, (stream) => takeIn(trx, ctx, stream, ofStream, refused));
    for (const { record, verdict } of tried) {
      attempts.push(attemptOf(record, verdict));
      results.set(record.id, resultOf(record, verdict));
    }
  }
  if (attempts.length > 0)
    await recordAttempts(trx, attempts, { at: instantFromEpochMillis(ctx.nowMillis), by: ctx.by });
  if (isAudited)
    await recordAudit(
      trx,
      attempts.map((attempt) => auditOf(attempt, ctx.by)),
    );
  return records.flatMap(({ id }) => results.get(id) ?? []);
}

function closedResult(record: QuarantinedRecord): ReplayResult | null {
  const { id, state, stream, replayable, isBodyDropped, reason } = record;
  if (state !== 'open') return { id, result: 'not-open', state };
  if (NEVER_REPLAYED.includes(streamNamed(stream)))
    return { id, result: 'not-replayable', detail: 'commands and schedules are never taken in later' };
  if (isBodyDropped)
    return { id, result: 'not-replayable', detail: 'its body was dropped: the day had used up its quota' };
  if (!replayable)
    return { id, result: 'not-replayable', detail: `${reason} cannot end differently for the same bytes` };
  return null;
}

function within(concerned: ReadonlySet<string>, organisations: readonly string[]): string[] {
  return organisations.filter((id) => concerned.has(id));
}

type Taken = Exclude<Outcome, 'quarantined'> | Fault;

/** One stream's part: what can be understood by now is stored, and every delivery gets its verdict. */
async function takeIn<Fact>(
  trx: Trx,
  ctx: ReplayContext,
  stream: Stream<Fact>,
  records: readonly QuarantinedRecord[],
  refused: Fault | null,
): Promise<{ record: QuarantinedRecord; verdict: Taken }[]> {
  const tried = records.map((record) => {
    const received = stream.receive(deliveryOf(record), ctx);
    return { record, received, fault: refused ?? obstacle(ctx, { record, received }) };
  });
  const facts = tried.flatMap(({ received, fault }) =>
    fault === null && received.kind === 'understood' ? [received] : [],
  );
  const verdicts = await stored(trx, stream, facts);
  return tried.map(({ record, received, fault }) => {
    return { record, verdict: fault ?? verdicts.get(received) ?? CONFLICT };
  });
}

async function stored<Fact>(
  trx: Trx,
  stream: Stream<Fact>,
  facts: readonly Understood<Fact>[],
): Promise<ReadonlyMap<Received<Fact>, Exclude<Outcome, 'quarantined'>>> {
  const kept = new Map<Received<Fact>, Exclude<Outcome, 'quarantined'>>();
  if (facts.length === 0) return kept;
  await ensurePartitionsWithin(trx, stream.name, stream.partitionDays(facts));
  const verdicts = await stream.prepare(facts).store(trx);
  facts.forEach((fact, index) => {
    const verdict = verdicts[index];
    if (verdict !== undefined && verdict !== 'conflict') kept.set(fact, verdict);
  });
  return kept;
}

/** Null when the delivery can be stored. */
function obstacle({ organisations }: ReplayContext, { record, received }: Tried): Fault | null {
  if (received.kind === 'refused') return received.fault;
  const fault = (detail: string, waitsFor: string | null): Fault => ({
    reason: 'schema',
    path: null,
    detail,
    waitsFor,
  });
  if (record.orgId !== NO_ORGANISATION && received.orgId !== record.orgId) {
    return fault('its routing key names another organisation by now', null);
  }
  if (!organisations.includes(received.orgId)) {
    return fault('it belongs to an organisation that is out of your reach', record.waitsFor);
  }
  return null;
}

function receivedAgain(ctx: ReplayContext, record: QuarantinedRecord): Received<unknown> {
  return withStream(streamNamed(record.stream), (stream): Received<unknown> => stream.receive(deliveryOf(record), ctx));
}

function streamNamed(name: string): StreamName {
  return STREAMS.find((known) => known === name) ?? 'dead-letter';
}

function deliveryOf(record: QuarantinedRecord): Delivery {
  const { contentType, contentEncoding } = record.properties;
  const properties: DeliveryProperties = {
    ...(record.messageId === null ? {} : { messageId: record.messageId }),
    ...(typeof contentType === 'string' ? { contentType } : {}),
    ...(typeof contentEncoding === 'string' ? { contentEncoding } : {}),
    headers: {},
  };
  const { body, exchange, routingKey, queue, firstSeen } = record;
  return { body, exchange, routingKey, queue, redelivered: true, properties, firstSeen };
}

function refusedByDatabase(error: unknown): Fault {
  const detail = `the database refuses it: ${error instanceof Error ? error.message : String(error)}`;
  return { reason: 'implausible', path: null, detail: detail.slice(0, 500), waitsFor: null };
}

function attemptOf({ id, orgId }: QuarantinedRecord, verdict: Taken): Attempt {
  return typeof verdict === 'string' ? { id, orgId, replayedAs: verdict } : { id, orgId, replayedAs: null, ...verdict };
}

function resultOf({ id }: QuarantinedRecord, verdict: Taken): ReplayResult {
  if (typeof verdict === 'string') return { id, result: 'replayed', outcome: verdict };
  const { reason, path, detail } = verdict;
  return { id, result: 'still-quarantined', reason, path, detail };
}

function auditOf(attempt: Attempt, actor: string) {
  const detail =
    attempt.replayedAs === null ? { reason: attempt.reason, path: attempt.path } : { replayed_as: attempt.replayedAs };
  return { orgId: attempt.orgId, actor, action: 'quarantine.replay', subject: attempt.id, detail };
}
