import { describe, expect, test } from '@jest/globals';
import {
  dispatchMessage,
  tradingConfigMessage,
  vcpConfigPayload,
  vcpEnvelope,
  vcpMeterPayload,
  vcpRealtimePayload,
} from '@quarterhour/contracts';
import {
  aConfigEnvelope,
  aDispatch,
  aMeterEnvelope,
  aRealtimeEnvelope,
  aTradingChange,
  recentQuarterHour,
} from './messages.js';

describe('a builder gives a valid message', () => {
  test('of a dispatch, each time of another event', () => {
    const [first, second] = [aDispatch(), aDispatch()];
    expect(dispatchMessage.parse(first)).toEqual(first);
    expect(first.event_id).not.toBe(second.event_id);
  });

  test('of realtime telemetry, with what the test is about', () => {
    const envelope = aRealtimeEnvelope({ siteId: 'roof', payload: { socPercent: 7 } });
    expect(vcpEnvelope.parse(envelope)).toMatchObject({ siteId: 'roof' });
    expect(vcpRealtimePayload.parse(envelope.payload)).toMatchObject({ socPercent: 7, batteryPowerKw: 20 });
  });

  test('of meter registers, read at the time of the envelope', () => {
    const envelope = aMeterEnvelope();
    expect(vcpEnvelope.parse(envelope)).toMatchObject({ version: '1.1' });
    expect(vcpMeterPayload.parse(envelope.payload).readingAt).toBe(envelope.timestamp);
  });

  test('of config of a plant', () => {
    const { payload } = vcpEnvelope.parse(aConfigEnvelope());
    expect(vcpConfigPayload.parse(payload)).toEqual({ socMinPercent: 10, socMaxPercent: 90 });
  });

  test('of a trading event', () => {
    const event = aTradingChange({ organisation_id: '01890000-0000-7000-8000-000000000001' });
    expect(tradingConfigMessage.parse(event)).toEqual(event);
  });
});

test('a recent quarter hour is on the quarter, over, and less than half an hour ago', () => {
  const start = Date.parse(recentQuarterHour());
  expect(start % (15 * 60_000)).toBe(0);
  expect(Date.now() - start).toBeGreaterThanOrEqual(15 * 60_000);
  expect(Date.now() - start).toBeLessThan(31 * 60_000);
});
