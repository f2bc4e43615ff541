import type { Trx } from '../pool.js';
import { objectText, type Projection } from '../projection.js';
import { BUCKETS, binOf, type BucketQuery } from './telemetry-buckets.js';

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
      with reading as materialized (
        select device_id, register, read_at, value_kwh,
          value_kwh < lag(value_kwh) over (partition by device_id, register order by read_at) as is_reset
        from (${READINGS_KNOWN}) r
      ), counted as (
        select device_id, register, ${SHOWN_AT_END_OF} as bucket, bool_or(coalesce(is_reset, false)) as is_reset,
          (array_agg(value_kwh order by read_at desc))[1] as value_kwh
        from reading group by 1, 2, 3
      ), bucket as materialized (${BUCKETS}), meter as (
        select distinct device_id, register from counted
      ), answer as (
        select b.starts_at, $2::uuid as plant_id, m.device_id, m.register, m.device_id || ':' || m.register as meter_id,
          'PT' || (extract(epoch from b.ends_at - b.starts_at) / 60)::int || 'M' as interval,
          case when c.is_reset then null else c.value_kwh - before.value_kwh end as energy_kwh
        from bucket b cross join meter m
        left join counted c on c.bucket = b.starts_at and c.device_id = m.device_id and c.register = m.register
        left join counted before on before.bucket = ${binOf(`b.starts_at - interval '1 microsecond'`)}
          and before.device_id = m.device_id and before.register = m.register
      ), size as (
        select (select count(*) from bucket) * (select count(*) from meter) as points
      )
      select size.points::text as points, case when size.points <= $7::int8 then (
        select '[' || coalesce(string_agg(${objectText(projection, 'a')}, ','
          order by a.starts_at, a.device_id, a.register), '') || ']' from answer a) end as json
      from size`,
    values: [query.orgId, query.plantId, query.from, query.to, query.knownAt, query.bucketMinutes, most],
  });
  return row?.json === null || row === undefined ? { tooMany: Number(row?.points ?? 0) } : { json: row.json };
}
