import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import type { Projection } from '../projection.js';
import { objectText } from '../projection.js';
import { prepared } from '../statement.js';
import type { RowVerdict } from './insert-once.js';
import { insertOnce } from './insert-once.js';

/** A value that was measured: finite, or null when it was not measured. Null is never zero. */
export type Measured = number | null;

/**
 * What a plant did at one instant. Powers in kW in the producer's view: grid + export, battery + discharge,
 * PV + production; consumption is a magnitude.
 */
export interface NewRealtimeSample {
  readonly orgId: string;
  readonly plantId: string;
  readonly measuredAt: UtcInstant;
  readonly gridKw: Measured;
  readonly pvKw: Measured;
  readonly batteryKw: Measured;
  readonly consumptionKw: Measured;
  readonly socPercent: Measured;
  readonly batteryEnergyKwh: Measured;
  readonly batteryTemperatureCelsius: Measured;
  readonly operatingMode: string | null;
  readonly dataQuality: string;
  /** Readings of single devices, as JSON text. */
  readonly devices: string | null;
  readonly messageId: string;
  readonly publishedAt: UtcInstant;
  /** SHA-256 of the message as it arrived. */
  readonly bodySha256: Buffer;
  readonly receivedAt: UtcInstant;
}

/** One register of one meter at one reading: an absolute counter in kWh. */
export interface NewMeterReading {
  readonly orgId: string;
  readonly plantId: string;
  readonly deviceId: string;
  /** Name of the register, for example `import`. */
  readonly register: string;
  readonly readAt: UtcInstant;
  readonly role: string | null;
  readonly valueKwh: Measured;
  readonly dataQuality: string;
  readonly messageId: string;
  readonly publishedAt: UtcInstant;
  readonly bodySha256: Buffer;
  readonly receivedAt: UtcInstant;
}

const INSERT_SAMPLES = `
  with offered as (
    select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[],
      $7::float8[], $8::float8[], $9::float8[], $10::float8[], $11::text[], $12::text[], $13::jsonb[], $14::text[],
      $15::timestamptz[], $16::bytea[], $17::timestamptz[])
    with ordinality as o (org_id, plant_id, measured_at, grid_kw, pv_kw, battery_kw, consumption_kw, soc_percent,
      battery_energy_kwh, battery_temperature_celsius, operating_mode, data_quality, devices, message_id, published_at,
      body_sha256, received_at, n)
  ), stored as (
    insert into app.telemetry_realtime (org_id, plant_id, measured_at, grid_kw, pv_kw, battery_kw, consumption_kw,
      soc_percent, battery_energy_kwh, battery_temperature_celsius, operating_mode, data_quality, devices, message_id,
      published_at, body_sha256, received_at)
    select org_id, plant_id, measured_at, grid_kw, pv_kw, battery_kw, consumption_kw, soc_percent, battery_energy_kwh,
      battery_temperature_celsius, operating_mode, data_quality, devices, message_id, published_at, body_sha256,
      received_at
    from offered
    on conflict (org_id, plant_id, measured_at) do nothing
    returning org_id, plant_id, measured_at
  )
  select o.n::int - 1 as position
    from offered o
   where (o.org_id, o.plant_id, o.measured_at) not in (select org_id, plant_id, measured_at from stored)`;

const COMPARE_SAMPLES = `
  select o.n::int - 1 as position,
    s.message_id = o.message_id or (s.grid_kw, s.pv_kw, s.battery_kw, s.consumption_kw, s.soc_percent,
      s.battery_energy_kwh, s.battery_temperature_celsius, s.operating_mode, s.data_quality, s.devices)
    is not distinct from (o.grid_kw, o.pv_kw, o.battery_kw, o.consumption_kw, o.soc_percent,
      o.battery_energy_kwh, o.battery_temperature_celsius, o.operating_mode, o.data_quality, o.devices) as same
  from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
      $8::float8[], $9::float8[], $10::float8[], $11::text[], $12::text[], $13::jsonb[], $14::text[])
    with ordinality as o (org_id, plant_id, measured_at, grid_kw, pv_kw, battery_kw, consumption_kw, soc_percent,
      battery_energy_kwh, battery_temperature_celsius, operating_mode, data_quality, devices, message_id, n)
  cross join lateral (
    select * from app.telemetry_realtime t
     where t.org_id = o.org_id and t.plant_id = o.plant_id and t.measured_at = o.measured_at) s`;

/**
 * Stores realtime samples; the first of a plant and instant stands.
 *
 * A sample is a duplicate when its message id, or everything that it measured, is that of the stored one.
 *
 * @param rows in any order; keys may repeat. Their days must have partitions, see {@link ensurePartitions}
 * @returns a verdict per row, in the order of `rows`
 */
export function insertRealtimeSamples(trx: Trx, rows: readonly NewRealtimeSample[]): Promise<RowVerdict[]> {
  return insertOnce(rows, {
    keyOf: (row) => `${row.orgId} ${row.plantId} ${row.measuredAt}`,
    insert: (fresh) => positions(trx, INSERT_SAMPLES, [...sampleContent(fresh), ...provenance(fresh)]),
    hasSameContent: (standing) => comparison(trx, COMPARE_SAMPLES, sampleContent(standing)),
  });
}

function sampleContent(rows: readonly NewRealtimeSample[]): string[] {
  return [
    plainArray(rows.map((row) => row.orgId)),
    plainArray(rows.map((row) => row.plantId)),
    plainArray(rows.map((row) => row.measuredAt)),
    plainArray(rows.map((row) => row.gridKw)),
    plainArray(rows.map((row) => row.pvKw)),
    plainArray(rows.map((row) => row.batteryKw)),
    plainArray(rows.map((row) => row.consumptionKw)),
    plainArray(rows.map((row) => row.socPercent)),
    plainArray(rows.map((row) => row.batteryEnergyKwh)),
    plainArray(rows.map((row) => row.batteryTemperatureCelsius)),
    textArray(rows.map((row) => row.operatingMode)),
    textArray(rows.map((row) => row.dataQuality)),
    textArray(rows.map((row) => row.devices)),
    textArray(rows.map((row) => row.messageId)),
  ];
}

const INSERT_READINGS = `
  with offered as (
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::float8[],
      $8::text[], $9::text[], $10::timestamptz[], $11::bytea[], $12::timestamptz[])
    with ordinality as o (org_id, plant_id, device_id, register, read_at, role, value_kwh, data_quality, message_id,
      published_at, body_sha256, received_at, n)
  ), stored as (
    insert into app.telemetry_meter (org_id, plant_id, device_id, register, read_at, role, value_kwh, data_quality,
      message_id, published_at, body_sha256, received_at)
    select org_id, plant_id, device_id, register, read_at, role, value_kwh, data_quality, message_id, published_at,
      body_sha256, received_at
    from offered
    on conflict (org_id, plant_id, device_id, register, read_at) do nothing
    returning org_id, plant_id, device_id, register, read_at
  )
  select o.n::int - 1 as position
    from offered o
   where (o.org_id, o.plant_id, o.device_id, o.register, o.read_at) not in (select org_id, plant_id, device_id, register, read_at from stored)`;

const COMPARE_READINGS = `
  select o.n::int - 1 as position,
    s.message_id = o.message_id or (s.role, s.value_kwh, s.data_quality)
    is not distinct from (o.role, o.value_kwh, o.data_quality) as same
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::float8[], $8::text[],
      $9::text[])
    with ordinality as o (org_id, plant_id, device_id, register, read_at, role, value_kwh, data_quality, message_id, n)
  cross join lateral (
    select * from app.telemetry_meter t
     where t.org_id = o.org_id and t.plant_id = o.plant_id and t.device_id = o.device_id and t.register = o.register
       and t.read_at = o.read_at) s`;

/**
 * Stores meter readings; the first of a plant, device, register and instant stands.
 *
 * A reading is a duplicate when its message id, or its role, value and quality, are those of the stored one. A message
 * of several readings is stored whole or not at all: the caller rolls back when the verdicts of one message differ.
 *
 * @param rows in any order; keys may repeat. Their days must have partitions, see {@link ensurePartitions}
 * @returns a verdict per row, in the order of `rows`
 */
export function insertMeterReadings(trx: Trx, rows: readonly NewMeterReading[]): Promise<RowVerdict[]> {
  return insertOnce(rows, {
    keyOf: (row) => `${row.orgId} ${row.plantId} ${row.deviceId} ${row.register} ${row.readAt}`,
    insert: (fresh) => positions(trx, INSERT_READINGS, [...readingContent(fresh), ...provenance(fresh)]),
    hasSameContent: (standing) => comparison(trx, COMPARE_READINGS, readingContent(standing)),
  });
}

function readingContent(rows: readonly NewMeterReading[]): string[] {
  return [
    plainArray(rows.map((row) => row.orgId)),
    plainArray(rows.map((row) => row.plantId)),
    textArray(rows.map((row) => row.deviceId)),
    textArray(rows.map((row) => row.register)),
    plainArray(rows.map((row) => row.readAt)),
    textArray(rows.map((row) => row.role)),
    plainArray(rows.map((row) => row.valueKwh)),
    textArray(rows.map((row) => row.dataQuality)),
    textArray(rows.map((row) => row.messageId)),
  ];
}

function provenance(rows: readonly (NewRealtimeSample | NewMeterReading)[]): string[] {
  return [
    plainArray(rows.map((row) => row.publishedAt)),
    byteaArray(rows.map((row) => row.bodySha256)),
    plainArray(rows.map((row) => row.receivedAt)),
  ];
}

async function positions(trx: Trx, text: string, values: readonly string[]): Promise<number[]> {
  const rows = await trx.query<{ position: number }>(prepared(text, values));
  return rows.map(({ position }) => position);
}

async function comparison(trx: Trx, text: string, values: readonly string[]): Promise<Map<number, boolean>> {
  const rows = await trx.query<{ position: number; same: boolean }>(prepared(text, values));
  return new Map(rows.map(({ position, same }) => [position, same]));
}

/** Columns that a projection of realtime telemetry may show. */
export type RealtimeColumn =
  | 'plant_id'
  | 'measured_at'
  | 'grid_kw'
  | 'pv_kw'
  | 'battery_kw'
  | 'consumption_kw'
  | 'soc_percent'
  | 'battery_energy_kwh'
  | 'battery_temperature_celsius'
  | 'operating_mode'
  | 'data_quality'
  | 'devices'
  | 'message_id'
  | 'published_at'
  | 'received_at';

const FIND_OWNER = `
  select org_id as "orgId", (now() - interval '2 days')::text as "recently" from app.plant where id = $1::uuid`;

/**
 * The newest realtime sample of a plant as a JSON object; null when the plant never reported, or is not in scope.
 *
 * Looks into the last days first: planning over every day's partition costs more than the answer.
 */
export async function latestTelemetry(
  trx: Trx,
  plantId: string,
  projection: Projection<RealtimeColumn>,
): Promise<string | null> {
  const [owner] = await trx.query<{ orgId: string; recently: string }>(prepared(FIND_OWNER, [plantId]));
  if (owner === undefined) return null;
  const newest = (since: string): Promise<string | null> => newestSince(trx, owner.orgId, plantId, since, projection);
  return (await newest(owner.recently)) ?? (await newest('-infinity'));
}

/** Unnamed on purpose: the planner must see `since` to leave out the partitions before it. */
async function newestSince(
  trx: Trx,
  orgId: string,
  plantId: string,
  since: string,
  projection: Projection<RealtimeColumn>,
): Promise<string | null> {
  const [row] = await trx.query<{ json: string }>({
    text: `
      select ${objectText(projection, 's')} as json from (
        select * from app.telemetry_realtime
         where org_id = $1::uuid and plant_id = $2::uuid and measured_at >= $3::timestamptz
         order by measured_at desc limit 1) s`,
    values: [orgId, plantId, since],
  });
  return row?.json ?? null;
}
