import { dataQuality, type VcpMeterEvent } from '@quarterhour/contracts';
import type { Projection, RegisterReading, SiteColumn, SiteCommandColumn } from '@quarterhour/db';

export const SITE_PROJECTION: Projection<SiteColumn> = [
  { name: 'siteId', column: 'id', as: 'uuid' },
  { name: 'name', column: 'name', as: 'text' },
  { name: 'externalPlantId', column: 'external_plant_id', as: 'text' },
  { name: 'eanCons', column: 'ean_cons', as: 'text' },
  { name: 'eanProd', column: 'ean_prod', as: 'text' },
  { name: 'timeZone', column: 'time_zone', as: 'text' },
  { name: 'marketZone', column: 'market_zone', as: 'text' },
];

export const SITE_COMMAND_PROJECTION: Projection<SiteCommandColumn> = [
  { name: 'commandId', column: 'id', as: 'uuid' },
  { name: 'commandType', column: 'command_type', as: 'text' },
  { name: 'messageId', column: 'message_id', as: 'text' },
  { name: 'correlationId', column: 'correlation_id', as: 'text' },
  { name: 'priority', column: 'priority', as: 'text' },
  { name: 'payload', column: 'payload', as: 'json' },
  { name: 'status', column: 'status', as: 'text' },
  { name: 'ackStatus', column: 'ack_status', as: 'text' },
  { name: 'rejectionReason', column: 'rejection_reason', as: 'text' },
  { name: 'executionReason', column: 'execution_reason', as: 'text' },
  { name: 'validFrom', column: 'valid_from', as: 'instant' },
  { name: 'validUntil', column: 'valid_until', as: 'instant' },
  { name: 'receivedAt', column: 'received_at', as: 'instant' },
  { name: 'executedAt', column: 'executed_at', as: 'instant' },
];

/** Null without registers. They are of one reading, by device. */
export function presentReading(registers: readonly RegisterReading[]): VcpMeterEvent | null {
  const [first] = registers;
  if (first === undefined) return null;
  const meters = new Map<string, VcpMeterEvent['meters'][number]>();
  for (const { deviceId, role, register, valueKwh } of registers) {
    const meter = meters.get(deviceId) ?? { deviceId, ...(role === null ? {} : { role }) };
    meter[`${register}RegisterKwh`] = valueKwh;
    meters.set(deviceId, meter);
  }
  return { readingAt: first.readAt, meters: [...meters.values()], dataQuality: dataQuality.parse(first.dataQuality) };
}
