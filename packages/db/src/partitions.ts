import type { Database, Trx } from './pool.js';
import { prepared } from './statement.js';

/**
 * Makes sure that a stream's tables can take rows of these days. Cheap for days that exist.
 *
 * @param stream a stream with partitions, for example `plant-telemetry`
 * @param days UTC calendar days, `YYYY-MM-DD`; within the stream's retention and at most a few days ahead
 * @throws when a day is outside the stream's window (SQLSTATE 22023: `data`)
 */
export async function ensurePartitions(db: Database, stream: string, days: readonly string[]): Promise<void> {
  await db.transaction([], (trx) => ensurePartitionsWithin(trx, stream, days));
}

/** As {@link ensurePartitions}, as part of a transaction; who else wants to make partitions waits for its end. */
export async function ensurePartitionsWithin(trx: Trx, stream: string, days: readonly string[]): Promise<void> {
  for (const day of [...new Set(days)].sort()) {
    await trx.query(prepared('select ops.ensure_partition($1::text, $2::date)', [stream, day]));
  }
}

/** What bounds the time of a stream's rows. */
export interface StreamWindow {
  readonly stream: string;
  /** How long rows are kept: older ones are refused. */
  readonly retentionSeconds: number;
  /** How far ahead of our clock a time may be. */
  readonly futureToleranceSeconds: number;
}

const WINDOWS = `
  select name as stream, extract(epoch from now() - (now() - retention))::float8 as "retentionSeconds",
    extract(epoch from future_tolerance)::float8 as "futureToleranceSeconds"
  from ops.stream order by name`;

/** The windows of all partitioned streams, as they are configured in the database. */
export function readStreamWindows(db: Database): Promise<StreamWindow[]> {
  return db.read([], (trx) => trx.query<StreamWindow>(prepared(WINDOWS, [])));
}

/** One day of one table. */
export interface Partition {
  readonly stream: string;
  /** The table that the rows are read from, for example `telemetry_realtime`. */
  readonly table: string;
  /** UTC calendar day, `YYYY-MM-DD`. */
  readonly day: string;
  /** Bytes on disk, indexes included. */
  readonly bytes: string;
}

const PARTITIONS = `
  select s.name as stream, parent.relname::text as "table",
    to_date(right(child.relname, 8), 'YYYYMMDD') as day, pg_total_relation_size(child.oid) as bytes
  from ops.stream s
  cross join unnest(s.tables) as t (name)
  join pg_class parent on parent.relname = t.name and parent.relnamespace = 'app'::regnamespace
  join pg_inherits i on i.inhparent = parent.oid
  join pg_class child on child.oid = i.inhrelid
  order by s.name, day, parent.relname`;

/** Every partition there is, by stream, day and table. */
export function listPartitions(db: Database): Promise<Partition[]> {
  return db.read([], (trx) => trx.query<Partition>(prepared(PARTITIONS, [])));
}
