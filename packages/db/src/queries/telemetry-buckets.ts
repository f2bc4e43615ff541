import {
  DeliveryPeriod,
  compareInstants,
  epochMicros,
  instantFromEpochMicros,
  type UtcInstant,
} from '@quarterhour/domain';
import { queryLines, type LineFormat, type Lines, type LinesReader } from '../lines.js';
import type { Trx } from '../pool.js';
import { objectText, type KeyColumns, type Projection } from '../projection.js';
import { StatementParameters } from '../statement.js';
import { ROLLED_UP } from './telemetry-rollups.js';

/** Which buckets of a plant. They start at UTC midnight, every so many minutes; the last one of a day may be shorter. */
export interface BucketQuery {
  readonly orgId: string;
  readonly plantId: string;
  /** Half-open span `[from, to)`; every bucket that it touches is answered, made of what lies in the span. */
  readonly from: UtcInstant;
  readonly to: UtcInstant;
  /** 1 to 60. */
  readonly bucketMinutes: number;
  /** A mark from `measuredKnownAt`, or an earlier instant: what was known then. */
  readonly knownAt: UtcInstant;
}

/** Columns that a projection of telemetry buckets may show: start, plant, and arithmetic means; null without a sample. */
export type TelemetryBucketColumn =
  | 'starts_at'
  | 'plant_id'
  | 'samples'
  | 'grid_kw'
  | 'pv_kw'
  | 'battery_kw'
  | 'inverter_kw'
  | 'consumption_kw'
  | 'soc_percent';

const MEASURES = Object.entries(ROLLED_UP);
const MEAN_NAMES: Readonly<Record<keyof typeof ROLLED_UP, TelemetryBucketColumn>> = {
  grid: 'grid_kw',
  pv: 'pv_kw',
  battery: 'battery_kw',
  inverter: 'inverter_kw',
  consumption: 'consumption_kw',
  soc: 'soc_percent',
};

/** A bucket of a whole number of quarter hours can be put together from rollups. */
const QUARTER_MINUTES = 15;

/** The parameters of the statement. Written out wherever they are used, so that the planner leaves out other days' partitions. */
const ORG = '$1::uuid';
const PLANT = '$2::uuid';
const SINCE = '$3::timestamptz';
const UNTIL = '$4::timestamptz';
const KNOWN_AT = '$5::timestamptz';
const LENGTH = 'make_interval(mins => $6::int)';

/**
 * The means of every bucket of a span as a JSON array, oldest first, byte for byte the same for the same mark.
 *
 * Buckets of whole quarter hours are added up from quarter hours, whose figures come from the rollup where it is up to date
 * as of the mark, and else from the samples in the same order: both ways give the same digits. Shorter buckets come from the
 * samples.
 */
export async function listTelemetryBuckets(
  trx: Trx,
  query: BucketQuery,
  projection: Projection<TelemetryBucketColumn>,
): Promise<string> {
  const rendered = (rows: string) => `
    select '[' || coalesce(string_agg(${objectText(projection, 'a')}, ',' order by a.starts_at), '') || ']' as json
    from (${rows}) a`;
  const ask = async (text: string) =>
    (await trx.query<{ json: string | null }>({ text, values: valuesOf(query) }))[0]?.json;
  if (isOfWholeQuarters(query)) {
    const rolledUp = await ask(unlessStale(query, rendered(bucketRows(query, rolledUpQuarters(query)))));
    if (typeof rolledUp === 'string') return rolledUp;
  }
  return (await ask(rendered(bucketRows(query, partsOf(query))))) ?? '[]';
}

/** Where a part of telemetry buckets ended. */
export interface BucketKey {
  readonly startsAt: UtcInstant;
}

/** The same buckets, part by part: each part is of whole days, and as of the same mark. */
export function exportTelemetryBuckets(
  query: BucketQuery,
  projection: Projection<TelemetryBucketColumn>,
  format: LineFormat,
): LinesReader<BucketKey> {
  return async (trx, after, limit) => {
    const from = after === undefined ? query.from : endOfBucket(after.startsAt, query);
    const slice = { ...query, from, to: endOfSlice(from, query, limit) };
    const parameters = new StatementParameters(...valuesOf(slice));
    const rows = `${bucketRows(slice, partsOf(slice))} order by starts_at limit ${parameters.bind(limit + 1)}::int8`;
    const source = {
      rows,
      parameters,
      limit,
      projection,
      key: BUCKET_KEY,
      mayEndAt: 'true',
      planning: 'anew',
    } as const;
    return goingOn(await queryLines(trx, source, format), slice, query);
  };
}

const BUCKET_KEY: KeyColumns<BucketKey> = { startsAt: { column: 'starts_at', as: 'instant' } };

const DAY_MINUTES = 1_440;
const MINUTE_MICROS = 60_000_000;
const DAY_MICROS = DAY_MINUTES * MINUTE_MICROS;

/** The buckets of a day start anew at midnight. */
export function endOfBucket(startsAt: UtcInstant, { bucketMinutes }: Pick<BucketQuery, 'bucketMinutes'>): UtcInstant {
  const start = epochMicros(startsAt);
  return instantFromEpochMicros(Math.min(start + bucketMinutes * MINUTE_MICROS, midnightAfter(start)));
}

/**
 * The end of the whole days from an instant on that have about so many points, or of the query.
 *
 * @param series points of each bucket
 */
export function endOfSlice(
  from: UtcInstant,
  { to, bucketMinutes }: BucketQuery,
  points: number,
  series = 1,
): UtcInstant {
  const pointsOfDay = Math.ceil(DAY_MINUTES / bucketMinutes) * series;
  const further = Math.max(0, Math.floor(points / pointsOfDay) - 1) * DAY_MICROS;
  return instantFromEpochMicros(Math.min(epochMicros(to), midnightAfter(epochMicros(from)) + further));
}

function midnightAfter(micros: number): number {
  return (Math.floor(micros / DAY_MICROS) + 1) * DAY_MICROS;
}

/** After a slice that ends before the query does, more follow. */
export function goingOn<Key>(lines: Lines<Key>, slice: BucketQuery, query: BucketQuery): Lines<Key> {
  return { ...lines, hasMore: lines.hasMore || compareInstants(slice.to, query.to) < 0 };
}

/** The values of the parameters that are written out. */
export function valuesOf(query: BucketQuery): unknown[] {
  return [query.orgId, query.plantId, query.from, query.to, query.knownAt, query.bucketMinutes];
}

/** @param parts the sums of quarter hours, or of whole buckets */
function bucketRows({ bucketMinutes }: BucketQuery, parts: string): string {
  const means =
    bucketMinutes === QUARTER_MINUTES
      ? 'select starts_at as bucket, * from part'
      : `select ${binOf('starts_at')} as bucket, sum(samples) as samples, ${SUMS_OF_PARTS} from part group by 1`;
  return `
    with part as materialized (${parts}), mean as (${means}), bucket as (${BUCKETS})
    select b.starts_at, ${PLANT} as plant_id, coalesce(m.samples, 0) as samples, ${MEANS}
    from bucket b left join mean m on m.bucket = b.starts_at`;
}

function partsOf(query: BucketQuery): string {
  return query.bucketMinutes % QUARTER_MINUTES === 0 ? sumsOfQuarters(query) : SUMS_OF_SAMPLES;
}

/** Every bucket that the span touches. */
export const BUCKETS = `
  select b.starts_at, least(b.starts_at + ${LENGTH}, d.day + interval '1 day') as ends_at
  from generate_series(date_trunc('day', ${SINCE}, 'UTC'), ${UNTIL}, interval '1 day') d (day),
    generate_series(d.day, d.day + interval '1 day' - interval '1 microsecond', ${LENGTH}) b (starts_at)
  where b.starts_at < ${UNTIL} and least(b.starts_at + ${LENGTH}, d.day + interval '1 day') > ${SINCE}`;

/** Start of the bucket that an instant lies in: counted from the midnight before it. */
export function binOf(instant: string): string {
  return `date_bin(${LENGTH}, ${instant}, date_trunc('day', ${instant}, 'UTC'))`;
}

const MEANS = Object.entries(MEAN_NAMES)
  .map(([measure, name]) => `m.${measure}_sum / nullif(m.${measure}_n, 0) as ${name}`)
  .join(', ');

const SUMS_OF_PARTS = MEASURES.map(
  ([measure]) => `sum(${measure}_n) as ${measure}_n, sum(${measure}_sum order by starts_at) as ${measure}_sum`,
).join(', ');

const SUMS_OF = `count(*) as samples, ${MEASURES.map(
  ([measure, of]) => `count(${of}) as ${measure}_n, sum(${of} order by measured_at) as ${measure}_sum`,
).join(', ')}`;

const SAMPLE_COLUMNS = 'measured_at, grid_kw, pv_kw, battery_kw, consumption_kw, soc_percent';

/** Samples of the plant as they were known at the mark: the current ones, or those they displaced. */
function samplesKnown(more: string): string {
  const inReach = `org_id = ${ORG} and plant_id = ${PLANT} and measured_at >= ${SINCE} and measured_at < ${UNTIL}
    and received_at <= ${KNOWN_AT}${more}`;
  return `
    select ${SAMPLE_COLUMNS} from app.telemetry_realtime where ${inReach}
    union all
    select ${SAMPLE_COLUMNS} from app.telemetry_realtime_history where ${inReach} and displaced_at > ${KNOWN_AT}`;
}

const SUMS_OF_SAMPLES = `select ${binOf('measured_at')} as starts_at, ${SUMS_OF} from (${samplesKnown('')}) s group by 1`;

/** Whole quarter hours of a span that begins and ends with one. */
interface Quarters {
  readonly from: UtcInstant;
  readonly to: UtcInstant;
}

function isOfWholeQuarters({ from, to, bucketMinutes }: BucketQuery): boolean {
  return [from, to].every((instant) => ceilingOf(instant) === instant) && bucketMinutes % QUARTER_MINUTES === 0;
}

const OF_PLANT = `org_id = ${ORG} and plant_id = ${PLANT}`;

/** Quarter hours whose rollup does not say, or no longer, what was known at the mark. */
function staleQuarters({ from, to }: Quarters): string {
  const whole = `starts_at >= '${from}' and starts_at < '${to}'`;
  return `
    select starts_at from app.dirty_period where ${OF_PLANT} and ${whole}
    union
    select starts_at from app.telemetry_rollup
     where ${OF_PLANT} and span = 'quarter' and ${whole} and changed_at > ${KNOWN_AT}`;
}

function rolledUpQuarters({ from, to }: Quarters): string {
  return `
    select starts_at, samples, ${MEASURES.map(([measure]) => `${measure}_n, ${measure}_sum`).join(', ')}
      from app.telemetry_rollup
     where ${OF_PLANT} and span = 'quarter' and starts_at >= '${from}' and starts_at < '${to}'`;
}

/**
 * Null where a quarter hour is stale. One that is so in a month is rare, and to plan for it costs more than the answer: every
 * day's partition takes part.
 */
function unlessStale(query: Quarters, answer: string): string {
  return `select case when not exists (${staleQuarters(query)}) then (${answer}) end as json`;
}

/** Whole quarter hours from their rollup unless something is newer than it, the rest from samples. */
function sumsOfQuarters({ from, to }: BucketQuery): string {
  const whole = { from: ceilingOf(from), to: DeliveryPeriod.containing(to).start };
  if (compareInstants(whole.from, whole.to) >= 0) return sumsOfSpans(`select ${SINCE}, ${UNTIL}`);
  return `
    with stale as (${staleQuarters(whole)})
    ${rolledUpQuarters(whole)} and starts_at not in (select starts_at from stale)
    union all
    ${sumsOfSpans(`
      select ${SINCE}, '${whole.from}'::timestamptz where ${SINCE} < '${whole.from}'
      union all select '${whole.to}'::timestamptz, ${UNTIL} where '${whole.to}' < ${UNTIL}
      union all select starts_at, starts_at + interval '15 minutes' from stale`)}`;
}

function sumsOfSpans(spans: string): string {
  return `
    select f.* from (${spans}) span (since, until) cross join lateral (
      select date_bin('15 minutes', measured_at, timestamptz 'epoch') as starts_at, ${SUMS_OF}
      from (${samplesKnown(' and measured_at >= span.since and measured_at < span.until')}) s group by 1) f`;
}

function ceilingOf(instant: UtcInstant): UtcInstant {
  const period = DeliveryPeriod.containing(instant);
  return compareInstants(period.start, instant) === 0 ? instant : period.end;
}
