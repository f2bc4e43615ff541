import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Database, Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';

/** How many deliveries of one organisation ended how, within one minute. */
export interface MinuteCount {
  /** {@link NO_ORGANISATION} when the owner is unknown. */
  readonly orgId: string;
  /** The stream that the deliveries belong to, whichever took them. */
  readonly stream: string;
  /** Start of the minute, UTC. */
  readonly minute: UtcInstant;
  readonly outcome: string;
  /** Whether the broker had delivered it before. */
  readonly redelivered: boolean;
  readonly n: number;
}

/** What a batch adds to the books. */
export interface BatchCounts {
  /** Id of the process: counts of different processes never touch the same row. */
  readonly worker: string;
  /** The stream that took the batch. */
  readonly stream: string;
  /** Number of the batch, rising per worker and stream; what {@link readProgress} answers once it is committed. */
  readonly batchNo: number;
  /** In any order; equal keys are added up. */
  readonly counts: readonly MinuteCount[];
}

const LOCK_PROGRESS = 'select from ops.ingest_progress where worker = $1 and stream = $2 for update';

/**
 * Locks a worker's progress with the next statement. Each transaction of a batch does so first: from before its COMMIT is sent
 * until it is over, whoever asks {@link readProgress} what became of it waits.
 */
export function lockProgress(trx: Trx, worker: string, stream: string): void {
  trx.defer(prepared(LOCK_PROGRESS, [worker, stream]));
}

const RECORD = `
  with counted as (
    insert into app.ingest_minute as m (org_id, stream, minute, worker, outcome, redelivered, n)
    select org_id, stream, minute, $2::text, outcome, redelivered, n
    from unnest($4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::bool[], $9::int8[])
      as o (org_id, stream, minute, outcome, redelivered, n)
    on conflict (org_id, minute, stream, worker, outcome, redelivered) do update set n = m.n + excluded.n
  )
  insert into ops.ingest_progress as p (worker, stream, batch_no) values ($2::text, $1::text, $3::int8)
  on conflict (worker, stream) do update set batch_no = greatest(p.batch_no, excluded.batch_no)`;

/** Adds a batch's outcomes to their minutes and raises its worker's progress, with COMMIT. See {@link lockProgress}. */
export function recordBatch(trx: Trx, batch: BatchCounts): void {
  const counts = addedUp(batch.counts);
  trx.defer(
    prepared(RECORD, [
      batch.stream,
      batch.worker,
      batch.batchNo,
      plainArray(counts.map((count) => count.orgId)),
      textArray(counts.map((count) => count.stream)),
      plainArray(counts.map((count) => count.minute)),
      textArray(counts.map((count) => count.outcome)),
      plainArray(counts.map((count) => count.redelivered)),
      plainArray(counts.map((count) => count.n)),
    ]),
  );
}

function addedUp(counts: readonly MinuteCount[]): MinuteCount[] {
  const byKey = new Map<string, MinuteCount>();
  for (const count of counts) {
    const key = `${count.orgId} ${count.stream} ${count.minute} ${count.outcome} ${count.redelivered}`;
    byKey.set(key, { ...count, n: count.n + (byKey.get(key)?.n ?? 0) });
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, count]) => count);
}

const BEGIN_PROGRESS = `
  insert into ops.ingest_progress (worker, stream, batch_no) values ($1::text, $2::text, 0)
  on conflict (worker, stream) do nothing`;

/** Makes the row of a worker's stream, so that {@link readProgress} finds one to wait for from the first batch on. */
export async function beginProgress(db: Database, worker: string, stream: string): Promise<void> {
  await db.transaction([], (trx) => trx.query(prepared(BEGIN_PROGRESS, [worker, stream])));
}

const PROGRESS = `
  select batch_no::text as "batchNo" from ops.ingest_progress where worker = $1 and stream = $2 for update`;

/**
 * Number of the last committed batch of a worker's stream; null before {@link beginProgress}.
 *
 * Waits for a transaction that has locked the progress and is neither committed nor rolled back: after a COMMIT without an
 * answer the server may still be busy with it, and an answer without it would be wrong a moment later.
 *
 * @throws when that transaction does not end within the statement timeout (SQLSTATE 57014: `infrastructure`)
 */
export async function readProgress(db: Database, worker: string, stream: string): Promise<number | null> {
  const [row] = await db.transaction([], (trx) => trx.query<{ batchNo: string }>(prepared(PROGRESS, [worker, stream])));
  return row === undefined ? null : Number(row.batchNo);
}

/** Columns that a projection of minutes may show. */
export type IngestMinuteColumn = 'minute' | 'stream' | 'outcome' | 'redelivered' | 'n';

/** Where a page of minutes ended. */
export interface IngestMinuteKey {
  readonly minute: UtcInstant;
  readonly stream: string;
  readonly outcome: string;
  readonly redelivered: boolean;
}

/** Which minutes, and which page of them. */
export interface IngestMinuteQuery {
  /** Half-open span `[from, to)` of minutes. */
  readonly from: UtcInstant;
  readonly to: UtcInstant;
  readonly stream?: string;
  /** Starts after this row. */
  readonly after?: IngestMinuteKey;
  readonly limit: number;
}

/**
 * One page of counts by minute, stream, outcome and redelivery, in that order: summed over workers and over the
 * organisations in scope.
 *
 * A page needs no more minutes than it has rows: its own, one to know whether more follow, and the one in which the
 * page before ended. Nothing later is added up.
 */
export function listIngestMinutes(
  trx: Trx,
  query: IngestMinuteQuery,
  projection: Projection<IngestMinuteColumn>,
): Promise<Page<IngestMinuteKey>> {
  return queryPage(trx, minuteSource(query, projection));
}

/** All counts of a query, part by part. */
export function exportIngestMinutes(
  query: Omit<IngestMinuteQuery, 'after' | 'limit'>,
  projection: Projection<IngestMinuteColumn>,
  format: LineFormat,
): LinesReader<IngestMinuteKey> {
  return (trx, after, limit) =>
    queryLines(trx, minuteSource({ ...query, ...startingAfter(after), limit }, projection), format);
}

function minuteSource(
  query: IngestMinuteQuery,
  projection: Projection<IngestMinuteColumn>,
): PageSource<IngestMinuteKey, IngestMinuteColumn> {
  const parameters = new StatementParameters();
  const most = `${parameters.bind(query.limit + 1)}::int8`;
  const mostMinutes = `${parameters.bind(query.limit + 2)}::int8`;
  const inSpan = spanConditions(query, parameters).join(' and ');
  const rows = `
    select m.minute, m.stream, m.outcome, m.redelivered, sum(m.n) as n
    from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select m.* from app.ingest_minute m
      where m.org_id = o.org_id and ${inSpan} and m.minute <= (
        select max(reached.minute) from (
          select earliest.minute
          from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
            select distinct m.minute from app.ingest_minute m
            where m.org_id = o.org_id and ${inSpan}
            order by m.minute limit ${mostMinutes}) earliest
          group by earliest.minute order by earliest.minute limit ${mostMinutes}) reached)) m
    ${query.after === undefined ? '' : `where ${beyond(query.after, parameters)}`}
    group by m.minute, m.stream, m.outcome, m.redelivered
    order by m.minute, m.stream, m.outcome, m.redelivered
    limit ${most}`;
  return { rows, parameters, projection, key: MINUTE_KEY, limit: query.limit };
}

const MINUTE_KEY: KeyColumns<IngestMinuteKey> = {
  minute: { column: 'minute', as: 'instant' },
  stream: { column: 'stream', as: 'text' },
  outcome: { column: 'outcome', as: 'text' },
  redelivered: { column: 'redelivered', as: 'boolean' },
};

function spanConditions({ from, to, stream, after }: IngestMinuteQuery, parameters: StatementParameters): string[] {
  const conditions = [
    `m.minute >= ${parameters.bind(after?.minute ?? from)}::timestamptz`,
    `m.minute < ${parameters.bind(to)}::timestamptz`,
  ];
  if (stream !== undefined) conditions.push(`m.stream = ${parameters.bind(stream)}`);
  return conditions;
}

function beyond({ minute, stream, outcome, redelivered }: IngestMinuteKey, parameters: StatementParameters): string {
  const key = [
    `${parameters.bind(minute)}::timestamptz`,
    `${parameters.bind(stream)}::text`,
    `${parameters.bind(outcome)}::text`,
    `${parameters.bind(redelivered)}::bool`,
  ];
  return `(m.minute, m.stream, m.outcome, m.redelivered) > (${key.join(', ')})`;
}
