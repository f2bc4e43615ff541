import { randomUUID } from 'node:crypto';
import { VCP_VERSION } from '@quarterhour/contracts';
import type {
  AssetStatusMessage,
  DispatchMessage,
  TradingConfigMessage,
  VcpConfigPayload,
  VcpEnvelope,
  VcpMeterPayload,
  VcpRealtimePayload,
} from '@quarterhour/contracts';
import { systemClock } from '@quarterhour/runtime';

const QUARTER_HOUR_MS = 15 * 60 * 1000;

/** An envelope whose payload is known to be telemetry. */
export type RealtimeEnvelope = Omit<VcpEnvelope, 'payload'> & { payload: VcpRealtimePayload };
export type MeterEnvelope = Omit<VcpEnvelope, 'payload'> & { payload: VcpMeterPayload };
export type ConfigEnvelope = Omit<VcpEnvelope, 'payload'> & { payload: VcpConfigPayload };

/** Start of the last delivery period that is over: recent enough for every stream, and never ahead of the clock. */
export function recentQuarterHour(): string {
  const millis = systemClock.nowMillis();
  const start = millis - (millis % QUARTER_HOUR_MS) - QUARTER_HOUR_MS;
  return new Date(start).toISOString().replace('.000Z', 'Z');
}

/** A valid dispatch command of a new event: 10 MW for the asset that {@link anAsset} registers. */
export function aDispatch(different: Partial<DispatchMessage> = {}): DispatchMessage {
  const start = recentQuarterHour();
  return {
    source: 'optimiser',
    event_id: randomUUID(),
    published_at: start,
    asset_id: 'DE_50HZ_WU_1',
    dispatch_time: start,
    delivery_period_start: start,
    target_power: { amount: '10', unit: 'MW' },
    ...different,
  };
}

/** A valid status of the asset that {@link anAsset} registers: online since the last quarter hour. */
export function anAssetStatus(different: Partial<AssetStatusMessage> = {}): AssetStatusMessage {
  const start = recentQuarterHour();
  return {
    source: 'monitor',
    event_id: randomUUID(),
    published_at: start,
    asset_id: 'DE_50HZ_WU_1',
    status: 'ONLINE',
    effective_at: start,
    reasons: [],
    ...different,
  };
}

/** A valid envelope with one sample of a plant that charges 20 kW from 30 kW of sun. Signs are VCP's. */
export function aRealtimeEnvelope({
  payload = {},
  ...different
}: Partial<Omit<VcpEnvelope, 'payload'>> & { payload?: Partial<VcpRealtimePayload> } = {}): RealtimeEnvelope {
  return {
    ...anEnvelope(),
    payload: {
      gridPowerKw: 0,
      fvePowerKw: 30,
      batteryPowerKw: 20,
      consumptionPowerKw: 10,
      socPercent: 50,
      availableBatteryEnergyKwh: 50,
      batteryTemperatureCelsius: 21.5,
      currentOperatingMode: null,
      dataQuality: 'GOOD',
      ...payload,
    },
    ...different,
  };
}

/** A valid envelope with the registers of one grid meter. */
export function aMeterEnvelope({
  payload = {},
  ...different
}: Partial<Omit<VcpEnvelope, 'payload'>> & { payload?: Partial<VcpMeterPayload> } = {}): MeterEnvelope {
  const envelope = anEnvelope();
  return {
    ...envelope,
    payload: {
      readingAt: envelope.timestamp,
      meters: [{ deviceId: 'GRID', role: 'GRID', importRegisterKwh: 1234.5, exportRegisterKwh: 67.25 }],
      dataQuality: 'GOOD',
      ...payload,
    },
    ...different,
  };
}

/** A valid envelope with what a partner says about a plant. */
export function aConfigEnvelope({
  payload = { socMinPercent: 10, socMaxPercent: 90 },
  ...different
}: Partial<ConfigEnvelope> = {}): ConfigEnvelope {
  return { ...anEnvelope(), payload, ...different };
}

/** A valid event of a control plane, for an organisation that a test has registered. */
export function aTradingChange(
  different: Partial<TradingConfigMessage> & Pick<TradingConfigMessage, 'organisation_id'>,
): TradingConfigMessage {
  return {
    event_id: randomUUID(),
    occurred_at: recentQuarterHour(),
    source: 'control-plane',
    actor: 'ada',
    reason: 'a new partner',
    ...different,
  };
}

function anEnvelope(): Omit<VcpEnvelope, 'payload'> {
  return {
    version: VCP_VERSION,
    messageId: randomUUID(),
    timestamp: recentQuarterHour(),
    source: 'partner',
    siteId: 'plant-1',
  };
}
