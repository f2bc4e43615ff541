import { compareInstants, type UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import { queryLines, type LineFormat, type LinesReader, type LinesSource } from '../lines.js';
import type { Trx } from '../pool.js';
import { objectText, type KeyColumns, type Projection } from '../projection.js';
import { StatementParameters } from '../statement.js';
import {
  BUCKETS,
  binOf,
  endOfBucket,
  endOfSlice,
  goingOn,
  valuesOf,
  type BucketKey,
  type BucketQuery,
} from './telemetry-buckets.js';

/** Columns that a projection of meter buckets may show. `energy_kwh` is null where it is not known. */
export type MeterBucketColumn =
  'starts_at' | 'plant_id' | 'device_id' | 'register' | 'meter_id' | 'interval' | 'energy_kwh';

/** One page of meter buckets, or how many there would be. */
export type MeterBuckets = { readonly json: string } | { readonly tooMany: number };

/** Readings as they were known at the mark, from one bucket before the span on. */
const READINGS_KNOWN = (() => {
  const inReach = `org_id = $1::uuid and plant_id = $2::uuid and read_at > $3::timestamptz - interval '1 hour'
    and read_at <= $4::timestamptz + interval '1 hour' and received_at <= $5::timestamptz and value_kwh is not null`;
  return `
    select device_id, register, read_at, value_kwh from app.telemetry_meter where ${inReach}
    union all
    select device_id, register, read_at, value_kwh from app.telemetry_meter_history
     where ${inReach} and displaced_at > $5::timestamptz`;
})();

/** The bucket whose end a reading shows: the one that it lies in, or that it ends. */
const SHOWN_AT_END_OF = `
  case when ${binOf('read_at')} = read_at then ${binOf(`read_at - interval '1 microsecond'`)} else ${binOf('read_at')} end`;

/** What each register showed at the end of each bucket, and every bucket that the span touches. */
const COUNTED_BUCKETS = `
  reading as materialized (
    select device_id, register, read_at, value_kwh,
      value_kwh < lag(value_kwh) over (partition by device_id, register order by read_at) as is_reset
    from (${READINGS_KNOWN}) r
  ), counted as (
    select device_id, register, ${SHOWN_AT_END_OF} as bucket, bool_or(coalesce(is_reset, false)) as is_reset,
      (array_agg(value_kwh order by read_at desc))[1] as value_kwh
    from reading group by 1, 2, 3
  ), bucket as materialized (${BUCKETS})`;

/** A point of every bucket and meter. */
const POINTS = `
  select b.starts_at, $2::uuid as plant_id, m.device_id, m.register, m.device_id || ':' || m.register as meter_id,
    'PT' || (extract(epoch from b.ends_at - b.starts_at) / 60)::int || 'M' as interval,
    case when c.is_reset then null else c.value_kwh - before.value_kwh end as energy_kwh
  from bucket b cross join meter m
  left join counted c on c.bucket = b.starts_at and c.device_id = m.device_id and c.register = m.register
  left join counted before on before.bucket = ${binOf(`b.starts_at - interval '1 microsecond'`)}
    and before.device_id = m.device_id and before.register = m.register`;

/**
 * The energy that each register of a plant's meters counted in every bucket of a span, as a JSON array: oldest first, then by
 * device and register.
 *
 * A register's count at the end of a bucket is its last reading in that bucket, its end included. Energy is the count at the
 * end less the count at the end of the bucket before; it is not known where either is missing, or where the register showed
 * less than before in between: it was reset.
 *
 * @param most most points; with more, nothing is rendered and their number is the answer
 */
export async function listMeterBuckets(
  trx: Trx,
  query: BucketQuery,
  projection: Projection<MeterBucketColumn>,
  most: number,
): Promise<MeterBuckets> {
  const [row] = await trx.query<{ json: string | null; points: string }>({
    text: `
      with ${COUNTED_BUCKETS}, meter as (
        select distinct device_id, register from counted
      ), answer as (${POINTS}), size as (
        select (select count(*) from bucket) * (select count(*) from meter) as points
      )
      select size.points::text as points, case when size.points <= $7::int8 then (
        select '[' || coalesce(string_agg(${objectText(projection, 'a')}, ','
          order by a.starts_at, a.device_id, a.register), '') || ']' from answer a) end as json
      from size`,
    values: [...valuesOf(query), most],
  });
  return row?.json === null || row === undefined ? { tooMany: Number(row?.points ?? 0) } : { json: row.json };
}

/** Where a part of meter buckets ended. */
export interface MeterBucketKey extends BucketKey, Meter {}

interface Meter {
  readonly deviceId: string;
  readonly register: string;
}

/** The same points, however many, part by part: each part is of whole days, and as of the same mark. */
export function exportMeterBuckets(
  query: BucketQuery,
  projection: Projection<MeterBucketColumn>,
  format: LineFormat,
): LinesReader<MeterBucketKey> {
  let meters: readonly Meter[] | undefined;
  return async (trx, after, limit) => {
    meters ??= await metersOf(trx, query);
    const from = after === undefined ? query.from : startAfter(after, meters, query);
    const slice = { ...query, from, to: endOfSlice(from, query, limit, meters.length) };
    const lines = await queryLines(trx, sliceSource(slice, { meters, after, limit, projection }), format);
    return meters.length === 0 ? lines : goingOn(lines, slice, query);
  };
}

/** A register that was read anywhere in the span has a point in every bucket of it. */
function metersOf(trx: Trx, query: BucketQuery): Promise<Meter[]> {
  return trx.query<Meter>({
    text: `select distinct device_id as "deviceId", register from (${READINGS_KNOWN}) r order by 1, 2`,
    values: valuesOf(query).slice(0, 5),
  });
}

/** Bucket of the next point: the same unless it was the bucket's last. */
function startAfter(
  { startsAt, deviceId, register }: MeterBucketKey,
  meters: readonly Meter[],
  query: BucketQuery,
): UtcInstant {
  const last = meters.at(-1);
  if (last?.deviceId === deviceId && last.register === register) return endOfBucket(startsAt, query);
  return compareInstants(startsAt, query.from) < 0 ? query.from : startsAt;
}

interface Slice {
  readonly meters: readonly Meter[];
  readonly after: MeterBucketKey | undefined;
  readonly limit: number;
  readonly projection: Projection<MeterBucketColumn>;
}

function sliceSource(
  slice: BucketQuery,
  { meters, after, limit, projection }: Slice,
): LinesSource<MeterBucketKey, MeterBucketColumn> {
  const parameters = new StatementParameters(...valuesOf(slice));
  const devices = parameters.bind(textArray(meters.map(({ deviceId }) => deviceId)));
  const registers = parameters.bind(textArray(meters.map(({ register }) => register)));
  const rows = `
    with ${COUNTED_BUCKETS}, meter as (
      select device_id collate "C" as device_id, register collate "C" as register
      from unnest(${devices}::text[], ${registers}::text[]) m (device_id, register)
    ), answer as (${POINTS})
    select a.* from answer a ${after === undefined ? '' : `where ${beyond(after, parameters)}`}
    order by a.starts_at, a.device_id, a.register limit ${parameters.bind(limit + 1)}::int8`;
  return { rows, parameters, limit, projection, key: METER_BUCKET_KEY, mayEndAt: 'true', planning: 'anew' };
}

const METER_BUCKET_KEY: KeyColumns<MeterBucketKey> = {
  startsAt: { column: 'starts_at', as: 'instant' },
  deviceId: { column: 'device_id', as: 'text' },
  register: { column: 'register', as: 'text' },
};

function beyond({ startsAt, deviceId, register }: MeterBucketKey, parameters: StatementParameters): string {
  const key = [
    `${parameters.bind(startsAt)}::timestamptz`,
    `${parameters.bind(deviceId)}::text`,
    `${parameters.bind(register)}::text`,
  ];
  return `(a.starts_at, a.device_id, a.register) > (${key.join(', ')})`;
}
