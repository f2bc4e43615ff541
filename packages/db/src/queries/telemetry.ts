import { isDeepStrictEqual } from 'node:util';
import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import type { Projection } from '../projection.js';
import { objectText } from '../projection.js';
import { prepared } from '../statement.js';
import { keepVersions, prepareVersions, type PreparedVersions, type VersionVerdict } from './keep-versions.js';
import { NOTE_STORED, noteDirtyPeriods } from './telemetry-rollups.js';
import { versionedTable, type ColumnOf } from './versioned-table.js';

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
  /** SHA-256 of the message as it arrived, in hexadecimal. */
  readonly bodySha256: string;
  /** When it first came, if it was parked before it is stored; else null. */
  readonly arrivedAt: UtcInstant | null;
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
  /** SHA-256 of the message as it arrived, in hexadecimal. */
  readonly bodySha256: string;
  /** When it first came, if it was parked before it is stored; else null. */
  readonly arrivedAt: UtcInstant | null;
}

type ColumnsOf<Row> = readonly ColumnOf<Row>[];

const PROVENANCE: ColumnsOf<NewRealtimeSample | NewMeterReading> = [
  { name: 'message_id', field: 'messageId', type: 'text', of: (row) => row.messageId },
  { name: 'published_at', field: 'publishedAt', type: 'timestamptz', of: (row) => row.publishedAt },
  { name: 'body_sha256', field: 'bodySha256', type: 'bytea', of: (row) => row.bodySha256 },
  { name: 'arrived_at', field: 'arrivedAt', type: 'timestamptz', of: (row) => row.arrivedAt },
];

const SAMPLES = versionedTable<NewRealtimeSample>({
  table: 'telemetry_realtime',
  key: [
    { name: 'org_id', field: 'orgId', type: 'uuid', of: (row) => row.orgId },
    { name: 'plant_id', field: 'plantId', type: 'uuid', of: (row) => row.plantId },
    { name: 'measured_at', field: 'measuredAt', type: 'timestamptz', of: (row) => row.measuredAt },
  ],
  content: [
    { name: 'grid_kw', field: 'gridKw', type: 'float8', of: (row) => row.gridKw },
    { name: 'pv_kw', field: 'pvKw', type: 'float8', of: (row) => row.pvKw },
    { name: 'battery_kw', field: 'batteryKw', type: 'float8', of: (row) => row.batteryKw },
    { name: 'consumption_kw', field: 'consumptionKw', type: 'float8', of: (row) => row.consumptionKw },
    { name: 'soc_percent', field: 'socPercent', type: 'float8', of: (row) => row.socPercent },
    { name: 'battery_energy_kwh', field: 'batteryEnergyKwh', type: 'float8', of: (row) => row.batteryEnergyKwh },
    {
      name: 'battery_temperature_celsius',
      field: 'batteryTemperatureCelsius',
      type: 'float8',
      of: (row) => row.batteryTemperatureCelsius,
    },
    { name: 'operating_mode', field: 'operatingMode', type: 'text', of: (row) => row.operatingMode },
    { name: 'data_quality', field: 'dataQuality', type: 'text', of: (row) => row.dataQuality },
    { name: 'devices', field: 'devices', type: 'jsonb', of: (row) => row.devices },
  ],
  provenance: PROVENANCE,
  keyOf: (row) => `${row.orgId} ${row.plantId} ${row.measuredAt}`,
  hasSameContent: (left, right) =>
    left.gridKw === right.gridKw &&
    left.pvKw === right.pvKw &&
    left.batteryKw === right.batteryKw &&
    left.consumptionKw === right.consumptionKw &&
    left.socPercent === right.socPercent &&
    left.batteryEnergyKwh === right.batteryEnergyKwh &&
    left.batteryTemperatureCelsius === right.batteryTemperatureCelsius &&
    left.operatingMode === right.operatingMode &&
    left.dataQuality === right.dataQuality &&
    isSameJson(left.devices, right.devices),
  noting: NOTE_STORED,
});

function isSameJson(left: string | null, right: string | null): boolean {
  if (left === null || right === null || left === right) return left === right;
  return isDeepStrictEqual(JSON.parse(left), JSON.parse(right));
}

/** Realtime samples, ready to be stored in a transaction to come. */
export type PreparedSamples = PreparedVersions<NewRealtimeSample, readonly Buffer[]>;

/** @param rows in the order of their arrival; keys may repeat */
export function prepareRealtimeSamples(rows: readonly NewRealtimeSample[]): PreparedSamples {
  return prepareVersions(rows, SAMPLES);
}

/**
 * Stores realtime samples and their corrections, see {@link keepVersions}, and notes the quarter hours that they change.
 *
 * A sample is a duplicate when its message is known, or everything that it measured is what the current version says.
 *
 * @param samples their days must have partitions, see {@link ensurePartitions}
 * @param receivedAt the stamp of the transaction; null: the one that was announced, see {@link announceStamp}
 * @returns a verdict per sample, in the order of their arrival
 */
export async function insertRealtimeSamples(
  trx: Trx,
  samples: PreparedSamples,
  receivedAt: UtcInstant | null,
): Promise<VersionVerdict[]> {
  if (samples.rows.length === 0) return [];
  const verdicts = await keepVersions(samples, receivedAt, SAMPLES.within(trx));
  // The quarter hours of what is new were noted as it was inserted.
  await noteDirtyPeriods(
    trx,
    samples.rows.filter((_row, position) => verdicts[position] === 'revised'),
  );
  return verdicts;
}

const READINGS = versionedTable<NewMeterReading>({
  table: 'telemetry_meter',
  key: [
    { name: 'org_id', field: 'orgId', type: 'uuid', of: (row) => row.orgId },
    { name: 'plant_id', field: 'plantId', type: 'uuid', of: (row) => row.plantId },
    { name: 'device_id', field: 'deviceId', type: 'text', of: (row) => row.deviceId },
    { name: 'register', field: 'register', type: 'text', of: (row) => row.register },
    { name: 'read_at', field: 'readAt', type: 'timestamptz', of: (row) => row.readAt },
  ],
  content: [
    { name: 'role', field: 'role', type: 'text', of: (row) => row.role },
    { name: 'value_kwh', field: 'valueKwh', type: 'float8', of: (row) => row.valueKwh },
    { name: 'data_quality', field: 'dataQuality', type: 'text', of: (row) => row.dataQuality },
  ],
  provenance: PROVENANCE,
  keyOf: (row) => `${row.orgId} ${row.plantId} ${row.deviceId} ${row.register} ${row.readAt}`,
  hasSameContent: (left, right) =>
    left.role === right.role && left.valueKwh === right.valueKwh && left.dataQuality === right.dataQuality,
});

/** Meter readings, ready to be stored in a transaction to come. */
export type PreparedReadings = PreparedVersions<NewMeterReading, readonly Buffer[]>;

/** @param rows in the order of their arrival; keys may repeat */
export function prepareMeterReadings(rows: readonly NewMeterReading[]): PreparedReadings {
  return prepareVersions(rows, READINGS);
}

/**
 * Stores meter readings and their corrections, see {@link keepVersions}.
 *
 * A reading is a duplicate when its message is known, or its role, value and quality are those of the current version.
 *
 * @param readings their days must have partitions, see {@link ensurePartitions}
 * @param receivedAt the stamp of the transaction; null: the one that was announced, see {@link announceStamp}
 * @returns a verdict per reading, in the order of their arrival
 */
export async function insertMeterReadings(
  trx: Trx,
  readings: PreparedReadings,
  receivedAt: UtcInstant | null,
): Promise<VersionVerdict[]> {
  return readings.rows.length === 0 ? [] : keepVersions(readings, receivedAt, READINGS.within(trx));
}

/** Columns that a projection of realtime telemetry may show. */
export type RealtimeColumn = (typeof REALTIME_COLUMNS)[number];

const REALTIME_COLUMNS = [
  'plant_id',
  'measured_at',
  'grid_kw',
  'pv_kw',
  'battery_kw',
  'consumption_kw',
  'soc_percent',
  'battery_energy_kwh',
  'battery_temperature_celsius',
  'operating_mode',
  'data_quality',
  'devices',
  'message_id',
  'published_at',
  'received_at',
] as const;

/** How far before the bound to look first: planning over every day's partition costs more than the answer. */
const RECENTLY = '2 days';

/** No source's clock runs that far ahead: nothing measured later than this can have been known at the bound. */
const AHEAD = '1 hour';

const FIND_OWNER = `
  select org_id as "orgId", ($2::timestamptz - interval '${RECENTLY}')::text as "recently"
  from app.plant where id = $1::uuid`;

/**
 * The newest realtime sample of a plant as a JSON object, as it was known at an instant; null when the plant had not
 * reported by then, or is not in scope.
 *
 * @param knownAt a mark from {@link measuredKnownAt}, or an earlier instant
 */
export async function latestTelemetry(
  trx: Trx,
  plantId: string,
  knownAt: UtcInstant,
  projection: Projection<RealtimeColumn>,
): Promise<string | null> {
  const [owner] = await trx.query<{ orgId: string; recently: string }>(prepared(FIND_OWNER, [plantId, knownAt]));
  if (owner === undefined) return null;
  const newest = (since: string): Promise<string | null> =>
    newestSince(trx, { orgId: owner.orgId, plantId, since, knownAt }, projection);
  return (await newest(owner.recently)) ?? (await newest('-infinity'));
}

/**
 * A version that was displaced since is looked for only among the instants after the newest current sample that was known.
 *
 * Unnamed on purpose: the planner must see `since` to leave out the partitions before it.
 */
async function newestSince(
  trx: Trx,
  { orgId, plantId, since, knownAt }: { orgId: string; plantId: string; since: string; knownAt: UtcInstant },
  projection: Projection<RealtimeColumn>,
): Promise<string | null> {
  const columns = REALTIME_COLUMNS.join(', ');
  const inReach = (alias: string) =>
    `${alias}.org_id = $1::uuid and ${alias}.plant_id = $2::uuid and ${alias}.measured_at >= $3::timestamptz
       and ${alias}.measured_at <= $4::timestamptz + interval '${AHEAD}'`;
  const [row] = await trx.query<{ json: string }>({
    text: `
      with standing as materialized (
        select ${columns} from app.telemetry_realtime t
         where ${inReach('t')} and t.received_at <= $4::timestamptz
         order by t.measured_at desc limit 1
      ), displaced as (
        select ${REALTIME_COLUMNS.map((name) => `h.${name}`).join(', ')} from app.telemetry_realtime t
          join app.telemetry_realtime_history h
            on h.org_id = t.org_id and h.plant_id = t.plant_id and h.measured_at = t.measured_at
         where ${inReach('t')} and t.received_at > $4::timestamptz
           and t.measured_at > coalesce((select measured_at from standing), '-infinity')
           and h.received_at <= $4::timestamptz and h.displaced_at > $4::timestamptz
         order by h.measured_at desc limit 1
      )
      select ${objectText(projection, 's')} as json
        from (select * from standing union all select * from displaced) s order by s.measured_at desc limit 1`,
    values: [orgId, plantId, since, knownAt],
  });
  return row?.json ?? null;
}
