import type { Outcome } from '@quarterhour/contracts';
import { classifyError, readProgress, type Database } from '@quarterhour/db';
import { instantFromEpochMillis } from '@quarterhour/domain';
import {
  PartlyStoredError,
  inConflict,
  storeAll,
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

/** What storing needs to know of its worker. */
export interface StoreContext {
  readonly db: Database;
  readonly log: Logger;
  readonly clock: Clock;
  readonly partitions: Partitions;
  readonly worker: string;
  readonly nextBatchNo: () => number;
  /** Aborts waiting when the process stops: what is not stored by then stays with the broker. */
  readonly stopping: AbortSignal;
  /** Raised for a fault of ours, not the message's: the stream stands still and says so until it is mended. */
  readonly alarm: Alarm;
}

/** The process stops before this batch could be stored. Nothing of it is acknowledged. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';

  constructor(cause?: unknown) {
    super('stopped before the batch was stored', { cause });
  }
}

/**
 * Stores one batch and returns an outcome per delivery, in order.
 *
 * A batch is never left half settled: what the database cannot do now is tried again until it can, and a message that it
 * refuses is searched for by halving, until it stands alone and goes to quarantine.
 *
 * @throws StoppedError when the process stops first
 */
export async function storeBatch<Fact>(
  ctx: StoreContext,
  stream: Stream<Fact>,
  batch: readonly Received<Fact>[],
): Promise<Outcome[]> {
  try {
    return await commit(ctx, stream, batch);
  } catch (error) {
    if (error instanceof PartlyStoredError) return storeBatch(ctx, stream, withConflicts(batch, error.positions));
    if (classifyError(error) !== 'data') throw error;
    const [only, ...others] = batch;
    if (only !== undefined && others.length === 0) return commit(ctx, stream, [refusedByDatabase(only, error)]);
    const middle = Math.ceil(batch.length / 2);
    const first = await storeBatch(ctx, stream, batch.slice(0, middle));
    return [...first, ...(await storeBatch(ctx, stream, batch.slice(middle)))];
  }
}

/** One transaction, repeated until it is known to have happened. Data errors are the caller's. */
async function commit<Fact>(
  ctx: StoreContext,
  stream: Stream<Fact>,
  batch: readonly Received<Fact>[],
): Promise<Outcome[]> {
  const by = {
    worker: ctx.worker,
    batchNo: ctx.nextBatchNo(),
    receivedAt: instantFromEpochMillis(ctx.clock.nowMillis()),
  };
  const organisations = [...new Set(batch.map(({ orgId }) => orgId))];
  const understood = batch.flatMap((received) => (received.kind === 'understood' ? [received] : []));
  let outcomes: Outcome[] = [];
  let mayHaveCommitted = false;
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (mayHaveCommitted && (await isCommitted(ctx, stream, by.batchNo))) return outcomes;
      mayHaveCommitted = false;
      await ctx.partitions.cover(stream.name, stream.partitionDays(understood));
      await ctx.db.transaction(organisations, async (trx) => {
        // fail point: after_begin
        outcomes = await storeAll(trx, stream, batch, by);
      });
      ctx.alarm.clear();
      return outcomes;
    } catch (error) {
      if (error instanceof PartlyStoredError) throw error;
      const kind = classifyError(error);
      if (kind === 'data') throw error;
      if (kind === 'commit-unknown') mayHaveCommitted = true;
      if (kind === 'bug') {
        ctx.alarm.raise(error);
        ctx.partitions.forget();
      }
      ctx.log.warn(
        { err: error, stream: stream.name, kind, attempt, messages: batch.length },
        'batch kept, trying again',
      );
      await pause(ctx, kind === 'bug' ? ALARM_RETRY_MS : retryDelay(attempt), error);
    }
  }
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

function withConflicts<Fact>(batch: readonly Received<Fact>[], positions: readonly number[]): Received<Fact>[] {
  const conflicting = new Set(positions);
  return batch.map((received, position) =>
    received.kind === 'understood' && conflicting.has(position) ? inConflict(received) : received,
  );
}

function refusedByDatabase<Fact>(received: Received<Fact>, error: unknown): Refused {
  const detail = `the database refuses it: ${error instanceof Error ? error.message : String(error)}`;
  return {
    kind: 'refused',
    delivery: received.delivery,
    orgId: received.orgId,
    messageId: received.kind === 'refused' ? received.messageId : null,
    fault: { reason: 'implausible', path: null, detail: detail.slice(0, 500) },
  };
}
