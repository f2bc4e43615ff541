import {
  EXCHANGES,
  VCP_VERSION,
  dispatchKey,
  partnerTelemetryKey,
  type Reason,
  type StreamName,
} from '@quarterhour/contracts';
import type { UtcInstant } from '@quarterhour/domain';
import { v5 as uuidv5 } from 'uuid';
import { DEMO_ORGANISATION } from './register.js';
import { shifted, type Shift } from './times.js';

const NAMESPACE = 'c5b9a0e6-8a35-4c8b-9a0e-6b1f3c2d4e70';

/** One message of the demo as it is published, and what has to become of it. */
export interface DemoMessage {
  readonly stream: StreamName;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** The reason for which it will be set aside; null when it is a fact to be stored. */
  readonly fault: Reason | null;
}

/** A dispatch as the data have it, at its own time. Powers in MW, positive when the unit gives power. */
export interface MeasuredDispatch {
  readonly assetId: string;
  readonly source: string;
  readonly dueAt: UtcInstant;
  readonly publishedAt: UtcInstant;
  readonly deliveryPeriodStart: UtcInstant;
  readonly targetPowerMw: string;
  readonly nominalPowerMw: string | null;
}

/** What the data have of a plant at one instant, at its own time, as members of a VCP realtime payload. */
export interface MeasuredSample {
  readonly measuredAt: UtcInstant;
  readonly payload: Readonly<Record<string, number | string | null>>;
}

/** The plant that samples are of, by our id, and who measured them. */
export interface SampledPlant {
  readonly plantId: string;
  readonly source: string;
}

export function dispatchMessages(set: string, shift: Shift, dispatches: readonly MeasuredDispatch[]): DemoMessage[] {
  return dispatches.map((dispatch) => {
    const id = demoId(set, shift, `${dispatch.assetId} ${dispatch.dueAt} ${dispatch.source}`);
    return {
      stream: 'dispatch',
      exchange: EXCHANGES.dispatch,
      routingKey: dispatchKey(dispatch.assetId),
      messageId: id,
      contentType: 'application/json',
      body: json({
        source: dispatch.source,
        event_id: id,
        published_at: shifted(dispatch.publishedAt, shift),
        asset_id: dispatch.assetId,
        dispatch_time: shifted(dispatch.dueAt, shift),
        delivery_period_start: shifted(dispatch.deliveryPeriodStart, shift),
        target_power: megawatts(dispatch.targetPowerMw),
        nominal_power: dispatch.nominalPowerMw === null ? null : megawatts(dispatch.nominalPowerMw),
        power_imbalance: null,
        soc_imbalance: null,
      }),
      fault: null,
    };
  });
}

export function telemetryMessages(
  set: string,
  shift: Shift,
  plant: SampledPlant,
  samples: readonly MeasuredSample[],
): DemoMessage[] {
  return samples.map(({ measuredAt, payload }) => {
    const id = demoId(set, shift, `${plant.plantId} ${measuredAt}`);
    return {
      stream: 'plant-telemetry',
      exchange: EXCHANGES.vcp,
      routingKey: realtimeKey(plant.plantId),
      messageId: id,
      contentType: 'application/json',
      body: json({
        version: VCP_VERSION,
        messageId: id,
        timestamp: shifted(measuredAt, shift),
        source: plant.source,
        siteId: plant.plantId,
        payload,
      }),
      fault: null,
    };
  });
}

/** Key under which the demo's partner publishes samples of a plant. */
export function realtimeKey(plantId: string): string {
  return partnerTelemetryKey(DEMO_ORGANISATION.queuePrefix, 'realtime', plantId);
}

/**
 * The same id for the same message, however often the demo is published. A set moved by another shift says something
 * else, so its messages are others.
 */
export function demoId(set: string, shift: Shift, key: string): string {
  return uuidv5(`${set} ${shift} ${key}`, NAMESPACE);
}

function megawatts(amount: string) {
  return { amount, unit: 'MW' };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
