import { describe, expect, test } from '@jest/globals';
import {
  vcpEnvelope,
  vcpMeterEvent,
  vcpRealtimeEvent,
  vcpRealtimePayload,
  type VcpEnvelope,
} from '@quarterhour/contracts';
import { marketZoneOfDeliveryArea } from '@quarterhour/domain';
import fc from 'fast-check';
import type { Delivery } from '../delivery.js';
import { meterFromVcp, realtimeFromVcp } from './vcp.js';
import { telemetryEventOf } from './vcp-events.js';

const PLANT = {
  id: '018f7f5e-0000-7000-8000-000000000001',
  orgId: '018f7f5e-0000-7000-8000-000000000002',
  externalPlantId: 'P-1',
  timeZone: 'Europe/Berlin',
  marketZone: marketZoneOfDeliveryArea('50HZ'),
};

const deliveryOf = (envelope: object): Delivery => ({
  body: Buffer.from(JSON.stringify(envelope)),
  exchange: 'vcp',
  routingKey: 'acme.telemetry.realtime',
  queue: 'vcp.acme.fanout',
  redelivered: false,
  properties: { headers: {} },
});

const envelopeOf = (payload: object) => ({
  version: '1.1',
  messageId: 'm-1',
  timestamp: '2026-01-15T10:00:00.000Z',
  source: 'test',
  siteId: 'P-1',
  payload,
});

/** What a message of realtime telemetry is told as. */
function toldOf(payload: object): VcpEnvelope {
  const envelope = envelopeOf(payload);
  const event = telemetryEventOf(realtimeFromVcp(vcpEnvelope.parse(envelope), PLANT, deliveryOf(envelope)), 'ours');
  return vcpEnvelope.parse(JSON.parse(String(event?.body)));
}

const measured = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }));
const realtimePayloads = fc.record(
  {
    gridPowerKw: measured,
    fvePowerKw: measured,
    batteryPowerKw: measured,
    consumptionPowerKw: measured,
    socPercent: fc.option(fc.integer({ min: 0, max: 100 })),
    availableBatteryEnergyKwh: measured,
    batteryTemperatureCelsius: measured,
    currentOperatingMode: fc.option(fc.constantFrom('AUTO', 'MANUAL')),
    dataQuality: fc.constantFrom('GOOD', 'INTERPOLATED', 'STALE', 'MISSING'),
  },
  { requiredKeys: ['dataQuality'] },
);

describe('realtime telemetry that a partner is told of', () => {
  test('says what came in, whatever came in: signs are turned twice, and what was not measured is null', () => {
    fc.assert(
      fc.property(realtimePayloads, (payload) => {
        const told = toldOf(payload).payload;
        expect(vcpRealtimeEvent.parse(told)).toEqual(told);
        const names = Object.keys(vcpRealtimePayload.shape).filter((name) => name !== 'devices');
        const nothing = Object.fromEntries(names.map((name) => [name, null]));
        expect(told).toEqual(withoutMinusZero({ ...nothing, ...payload }));
      }),
    );
  });

  test('names the plant by our id, carries the instant of the sample, and devices as they came', () => {
    const told = toldOf({ gridPowerKw: -5, dataQuality: 'GOOD', devices: [{ id: 'B1', soc: 50 }] });
    expect(told).toMatchObject({ siteId: PLANT.id, timestamp: '2026-01-15T10:00:00Z' });
    expect(told.payload).toMatchObject({ gridPowerKw: -5, devices: [{ id: 'B1', soc: 50 }] });
  });

  test('is the same event each time, and another one when a byte differs', () => {
    const eventOf = (payload: object) => {
      const envelope = envelopeOf(payload);
      return telemetryEventOf(realtimeFromVcp(vcpEnvelope.parse(envelope), PLANT, deliveryOf(envelope)), 'ours');
    };
    const [one, again, other] = [{ socPercent: 1 }, { socPercent: 1 }, { socPercent: 2 }].map((payload) =>
      eventOf({ ...payload, dataQuality: 'GOOD' }),
    );
    expect(again).toEqual(one);
    expect(other?.messageId).not.toBe(one?.messageId);
    expect(one?.messageId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

test('registers of a meter are told as they came, device by device', () => {
  const payload = {
    readingAt: '2026-01-15T10:01:00Z',
    meters: [
      { deviceId: 'GRID', role: 'GRID', importRegisterKwh: 12.5, exportRegisterKwh: 0 },
      { deviceId: 'B1', chargeRegisterKwh: 7 },
    ],
    dataQuality: 'GOOD',
  };
  const envelope = envelopeOf(payload);
  const event = telemetryEventOf(meterFromVcp(vcpEnvelope.parse(envelope), PLANT, deliveryOf(envelope)), 'ours');
  const told: { payload: unknown } = JSON.parse(String(event?.body));
  expect(told).toMatchObject({ source: 'ours', timestamp: '2026-01-15T10:00:00Z' });
  expect(told.payload).toEqual(payload);
  expect(vcpMeterEvent.parse(told.payload)).toEqual(payload);
});

function withoutMinusZero(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === 0 ? 0 : value]));
}
