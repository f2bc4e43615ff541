import type { Outcome, StreamName } from '@quarterhour/contracts';
import { classifyError, isStatementTimeout, readProgress, type Database } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import {
  prepareBatch,
  storeAll,
  type PreparedBatch,
  type Received,
  type Refused,
  type Stream,
} from '@quarterhour/ingestion';
import { sleep, type Clock, type Logger } from '@quarterhour/runtime';
import type { Alarm } from './alarm.js';
import type { Partitions } from './partitions.js';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;
const ALARM_RETRY_MS = 30_000;
const TIMEOUTS_BEFORE_HALVING = 3;

/** What storing needs to know of its worker. */
export interface StoreContext {
  readonly db: Database;
  readonly log: Logger;
  readonly clock: Clock;
  readonly partitions: Partitions;
  readonly worker: string;
  readonly nextBatchNo: () => number;
  /** Aborts waiting: what is not stored by then stays with the broker. */
  readonly stopping: AbortSignal;
  /** Raised for a fault of ours, not the message's: the stream stands still and says so until it is mended. */
  readonly alarm: Alarm;
}

/** What was understood of a batch, and what became of it, by position. */
export interface Stored<Fact> {
  readonly received: readonly Received<Fact>[];
  readonly outcomes: readonly Outcome[];
}

/** Told to stop waiting before this batch could be stored. Nothing of it is acknowledged. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';

  constructor(cause?: unknown) {
    super('stopped before the batch was stored', { cause });
  }
}

/** The database gave the batch up for taking too long, again and again. Halves may pass. */
class TooSlowError extends Error {
  override readonly name = 'TooSlowError';

  constructor(cause: unknown) {
    super('the batch takes longer than a statement may', { cause });
  }
}

/**
 * Stores one batch and returns an outcome per delivery, in order.
 *
 * A batch is never left half settled: what the database cannot do now is tried again until it can, and a message that it
 * refuses is searched for by halving, until it stands alone and goes to quarantine. A batch that takes too long is halved
 * as well, but a message is never set aside for that.
 *
 * @param prepared of this very batch; null: it is prepared here
 * @throws StoppedError when told to stop waiting first
 */
export async function storeBatch<Fact>(
  ctx: StoreContext,
  stream: Stream<Fact>,
  batch: readonly Received<Fact>[],
  prepared: PreparedBatch<Fact> | null = null,
): Promise<Outcome[]> {
  try {
    return await commit(ctx, stream, batch, prepared);
  } catch (error) {
    if (!(error instanceof TooSlowError) && classifyError(error) !== 'data') throw error;
    const [only, ...others] = batch;
    if (only !== undefined && others.length === 0) return commit(ctx, stream, [refusedByDatabase(only, error)], null);
    const middle = Math.ceil(batch.length / 2);
    const first = await storeBatch(ctx, stream, batch.slice(0, middle));
    return [...first, ...(await storeBatch(ctx, stream, batch.slice(middle)))];
  }
}

/** Does something short that needs the database, again and again until it worked. Data errors are the caller's. */
export async function untilDone<T>(ctx: StoreContext, stream: StreamName, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (classifyError(error) === 'data') throw error;
      await waitToRepeat(ctx, error, { stream, attempt, messages: 1 });
    }
  }
}

/** One transaction, repeated until it is known to have happened. Data errors are the caller's, and slow batches. */
async function commit<Fact>(
  ctx: StoreContext,
  stream: Stream<Fact>,
  batch: readonly Received<Fact>[],
  preparedBefore: PreparedBatch<Fact> | null,
): Promise<Outcome[]> {
  const by = {
    worker: ctx.worker,
    batchNo: ctx.nextBatchNo(),
    receivedAt: instantFromEpochMillis(ctx.clock.nowMillis()),
  };
  const organisations = [...new Set(batch.map(({ orgId }) => orgId))];
  const understood = batch.flatMap((received) => (received.kind === 'understood' ? [received] : []));
  let prepared = preparedBefore;
  let outcomes: Outcome[] = [];
  let mayHaveCommitted = false;
  let timeouts = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (mayHaveCommitted && (await isCommitted(ctx, stream, by.batchNo))) return outcomes;
      mayHaveCommitted = false;
      await ctx.partitions.cover(stream.name, stream.partitionDays(understood));
      await ctx.db.transaction(organisations, async (trx) => {
        // fail point: after_begin
        prepared ??= prepareBatch(stream, batch);
        outcomes = await storeAll(trx, prepared, by);
      });
      ctx.alarm.clear();
      return outcomes;
    } catch (error) {
      const kind = classifyError(error);
      if (kind === 'data') throw error;
      if (kind === 'commit-unknown') mayHaveCommitted = true;
      timeouts = isStatementTimeout(error) && !mayHaveCommitted ? timeouts + 1 : 0;
      if (timeouts === TIMEOUTS_BEFORE_HALVING && batch.length > 1) throw new TooSlowError(error);
      await waitToRepeat(ctx, error, { stream: stream.name, attempt, messages: batch.length });
    }
  }
}

/** Also says what went wrong, and raises the alarm when it is ours. */
async function waitToRepeat(
  ctx: StoreContext,
  error: unknown,
  about: { readonly stream: StreamName; readonly attempt: number; readonly messages: number },
): Promise<void> {
  const kind = classifyError(error);
  if (kind === 'bug') {
    ctx.alarm.raise(error);
    ctx.partitions.forget();
  }
  ctx.log.warn({ err: error, kind, ...about }, 'batch kept, trying again');
  await pause(ctx, kind === 'bug' ? ALARM_RETRY_MS : retryDelay(about.attempt), error);
}

async function isCommitted<Fact>(ctx: StoreContext, stream: Stream<Fact>, batchNo: number): Promise<boolean> {
  const reached = await readProgress(ctx.db, ctx.worker, stream.name);
  return reached !== null && reached >= batchNo;
}

async function pause(ctx: StoreContext, ms: number, cause: unknown): Promise<void> {
  if (!ctx.stopping.aborted) await sleep(ms, ctx.stopping);
  if (ctx.stopping.aborted) throw new StoppedError(cause);
}

function retryDelay(attempt: number): number {
  const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return delay / 2 + (Math.random() * delay) / 2;
}

function refusedByDatabase<Fact>(received: Received<Fact>, error: unknown): Refused {
  const detail = `the database refuses it: ${error instanceof Error ? error.message : String(error)}`;
  return {
    kind: 'refused',
    delivery: received.delivery,
    orgId: received.orgId,
    messageId: received.messageId,
    fault: { reason: 'implausible', path: null, detail: detail.slice(0, 500), waitsFor: null },
  };
}
