import type { TelemetryPoint } from '@quarterhour/contracts';
import type {
  CommandLogColumn,
  ConfigLogColumn,
  MeterBucketColumn,
  Projection,
  RealtimeColumn,
  TelemetryBucketColumn,
} from '@quarterhour/db';
import { z } from 'zod';

/** Inside, grid is positive when the plant exports; this surface counts import. */
export const TELEMETRY_PROJECTION: Projection<RealtimeColumn> = [
  { name: 'time', column: 'measured_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'consumption', column: 'consumption_kw', as: { number: {} } },
  { name: 'fve_power', column: 'pv_kw', as: { number: {} } },
  { name: 'fve_reg', as: 'null' },
  { name: 'grid_power', column: 'grid_kw', as: { number: { sign: -1 } } },
  { name: 'battery', column: 'battery_kw', as: { number: {} } },
  { name: 'soc', column: 'soc_percent', as: { number: {} } },
];

export const BUCKET_PROJECTION: Projection<TelemetryBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'consumption', column: 'consumption_kw', as: { number: {} } },
  { name: 'fve_power', column: 'pv_kw', as: { number: {} } },
  { name: 'fve_reg', as: 'null' },
  { name: 'grid_power', column: 'grid_kw', as: { number: { sign: -1 } } },
  { name: 'invertor_power', column: 'inverter_kw', as: { number: {} } },
  { name: 'soc', column: 'soc_percent', as: { number: {} } },
];

export const METER_PROJECTION: Projection<MeterBucketColumn> = [
  { name: 'time', column: 'starts_at', as: 'instant' },
  { name: 'plant_id', column: 'plant_id', as: 'uuid' },
  { name: 'meter_id', column: 'meter_id', as: 'text' },
  { name: 'interval', column: 'interval', as: 'text' },
  { name: 'energy', column: 'energy_kwh', as: { number: {} } },
];

export const COMMAND_LOG_PROJECTION: Projection<CommandLogColumn> = [
  { name: 'ackStatus', column: 'ack_status', as: 'text' },
  { name: 'commandType', column: 'command_type', as: 'text' },
  { name: 'correlationId', column: 'correlation_id', as: 'text' },
  { name: 'createdAt', column: 'created_at', as: 'instant' },
  { name: 'executedAt', column: 'executed_at', as: 'instant' },
  { name: 'id', column: 'id', as: 'uuid' },
  { name: 'messageId', column: 'message_id', as: 'text' },
  { name: 'organizationId', column: 'org_id', as: 'uuid' },
  { name: 'payload', column: 'payload', as: 'json' },
  { name: 'rejectionReason', column: 'rejection_reason', as: 'text' },
  { name: 'routingKey', column: 'routing_key', as: 'text' },
  { name: 'siteId', column: 'site_id', as: 'text' },
  { name: 'status', column: 'status', as: 'text' },
];

export const CONFIG_LOG_PROJECTION: Projection<ConfigLogColumn> = [
  { name: 'configSnapshot', column: 'config_snapshot', as: 'json' },
  { name: 'createdAt', column: 'created_at', as: 'instant' },
  { name: 'id', column: 'id', as: 'integer' },
  { name: 'isError', column: 'is_error', as: 'boolean' },
  { name: 'isTerminal', column: 'is_terminal', as: 'boolean' },
  { name: 'message', column: 'message', as: 'text' },
  { name: 'plantId', column: 'plant_id', as: 'uuid' },
  { name: 'requestCode', column: 'request_code', as: 'text' },
  { name: 'requestedBy', column: 'requested_by', as: 'uuid' },
  { name: 'respondedAt', column: 'responded_at', as: 'instant' },
  { name: 'resultCode', column: 'result_code', as: 'text' },
  { name: 'sentAt', column: 'sent_at', as: 'instant' },
  { name: 'validateOnly', column: 'validate_only', as: 'boolean' },
];

const measured = z.number().nullable();
const sample = z.object({
  time: z.string(),
  plant_id: z.string(),
  consumption: measured,
  fve_power: measured,
  fve_reg: z.null(),
  grid_power: measured,
  battery: measured,
  soc: measured,
});

export function presentTelemetry(projected: string): TelemetryPoint {
  const { battery, soc, ...rest } = sample.parse(JSON.parse(projected));
  return { ...rest, invertor_power: sumOf(rest.fve_power, battery), soc };
}

/** Of a part that was not measured no sum is known. */
function sumOf(pv: number | null, battery: number | null): number | null {
  return pv === null || battery === null ? null : pv + battery;
}
