import type { UtcInstant } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** What was stored of a plant at one instant. Powers in kW, positive when the plant gives. */
export interface StoredSample {
  readonly measuredAt: UtcInstant;
  readonly gridKw: number | null;
  readonly pvKw: number | null;
  readonly batteryKw: number | null;
  readonly consumptionKw: number | null;
  readonly socPercent: number | null;
  readonly dataQuality: string;
  readonly messageId: string;
  readonly receivedAt: UtcInstant;
}

const SAMPLE = `
  select app.instant_text(measured_at) as "measuredAt", grid_kw as "gridKw", pv_kw as "pvKw",
    battery_kw as "batteryKw", consumption_kw as "consumptionKw", soc_percent as "socPercent",
    data_quality as "dataQuality", message_id as "messageId", app.instant_text(received_at) as "receivedAt"
  from app.telemetry_realtime where org_id = $1::uuid and plant_id = $2::uuid and measured_at = $3::timestamptz`;

/** The sample of a plant at an instant; null when there is none. */
export async function findSample(
  trx: Trx,
  orgId: string,
  plantId: string,
  measuredAt: UtcInstant,
): Promise<StoredSample | null> {
  const [row] = await trx.query<StoredSample>(prepared(SAMPLE, [orgId, plantId, measuredAt]));
  return row ?? null;
}

/** One register of one meter, in kWh. */
export interface StoredReading {
  readonly deviceId: string;
  readonly register: string;
  readonly readAt: UtcInstant;
  readonly valueKwh: number | null;
  readonly messageId: string;
  readonly receivedAt: UtcInstant;
}

const READINGS = `
  select device_id as "deviceId", register, app.instant_text(read_at) as "readAt", value_kwh as "valueKwh",
    message_id as "messageId", app.instant_text(received_at) as "receivedAt"
  from app.telemetry_meter where org_id = $1::uuid and plant_id = $2::uuid and read_at = $3::timestamptz
  order by device_id, register`;

/** All registers of a plant's meters that were read at an instant, by device and register. */
export function listReadings(trx: Trx, orgId: string, plantId: string, readAt: UtcInstant): Promise<StoredReading[]> {
  return trx.query<StoredReading>(prepared(READINGS, [orgId, plantId, readAt]));
}
