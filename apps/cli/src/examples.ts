import {
  assetStatusKey,
  EXCHANGES,
  VCP_VERSION,
  dispatchKey,
  partnerConfigKey,
  partnerTelemetryKey,
  type AssetStatusMessage,
  type DispatchMessage,
  type VcpEnvelope,
  type VcpMeterPayload,
  type VcpRealtimePayload,
} from '@quarterhour/contracts';
import type { Message } from './message.js';

export const EXAMPLES = ['telemetry', 'meter', 'config', 'dispatch', 'status'] as const;
export type Example = (typeof EXAMPLES)[number];

const QUARTER_HOUR_MS = 15 * 60 * 1000;

/** What a partner's plant would send now: its battery gives 1.25 MW, all of it into the grid. Signs are VCP's. */
export function telemetryExample(prefix: string, siteId: string, now: string, id: string): Message {
  const payload: VcpRealtimePayload = {
    gridPowerKw: -1250,
    fvePowerKw: 0,
    batteryPowerKw: -1250,
    consumptionPowerKw: 0,
    socPercent: 62.5,
    availableBatteryEnergyKwh: 3125,
    batteryTemperatureCelsius: 24.5,
    dataQuality: 'GOOD',
  };
  return envelopeExample(partnerTelemetryKey(prefix, 'realtime', siteId), { siteId, now, id, payload });
}

/** The registers of a plant's grid meter, read now. */
export function meterExample(prefix: string, siteId: string, now: string, id: string): Message {
  const payload: VcpMeterPayload = {
    readingAt: now,
    meters: [{ deviceId: 'GRID', role: 'GRID', importRegisterKwh: 10_250.5, exportRegisterKwh: 48_125.25 }],
    dataQuality: 'GOOD',
  };
  return envelopeExample(partnerTelemetryKey(prefix, 'meter', siteId), { siteId, now, id, payload });
}

/** What a partner's plant may give and take at its connection point. */
export function configExample(prefix: string, siteId: string, now: string, id: string): Message {
  const payload: VcpEnvelope['payload'] = { maxExportKw: 5000, maxImportKw: 4000, validFrom: now };
  return envelopeExample(partnerConfigKey(prefix, 'constraints', siteId), { siteId, now, id, payload });
}

/** What somebody who watches the asset would send now: it is online, and nothing is wrong. */
export function statusExample(assetId: string, now: string, id: string): Message {
  const body: AssetStatusMessage = {
    source: 'quarterhour publish',
    event_id: id,
    published_at: now,
    asset_id: assetId,
    status: 'ONLINE',
    effective_at: now,
    reasons: [],
  };
  return message(EXCHANGES.fleet, assetStatusKey(assetId), id, body);
}

/** A command of the optimiser: the asset gives 1.25 MW from the next quarter hour on. */
export function dispatchExample(assetId: string, nowMillis: number, id: string): Message {
  const start = instantOf((Math.floor(nowMillis / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS);
  const body: DispatchMessage = {
    source: 'quarterhour publish',
    event_id: id,
    published_at: instantOf(nowMillis),
    asset_id: assetId,
    dispatch_time: start,
    delivery_period_start: start,
    target_power: { amount: '1.25', unit: 'MW' },
  };
  return message(EXCHANGES.dispatch, dispatchKey(assetId), id, body);
}

function envelopeExample(
  routingKey: string,
  { siteId, now, id, payload }: { siteId: string; now: string; id: string; payload: VcpEnvelope['payload'] },
): Message {
  const envelope: VcpEnvelope = {
    version: VCP_VERSION,
    messageId: id,
    timestamp: now,
    source: 'quarterhour publish',
    siteId,
    payload,
  };
  return message(EXCHANGES.vcp, routingKey, id, envelope);
}

function message(exchange: string, routingKey: string, messageId: string, body: object): Message {
  return { exchange, routingKey, messageId, body: Buffer.from(JSON.stringify(body)) };
}

function instantOf(millis: number): string {
  return new Date(millis).toISOString().replace('.000Z', 'Z');
}
