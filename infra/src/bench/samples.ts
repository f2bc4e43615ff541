import { randomUUID } from 'node:crypto';
import { EXCHANGES, partnerTelemetryKey } from '@quarterhour/contracts';
import type { UtcInstant } from '@quarterhour/domain';
import type { OutgoingMessage } from '@quarterhour/messaging';

/** One realtime sample of a plant, as its partner publishes it: about 450 bytes. */
export function sampleMessage(queuePrefix: string, plantId: string, timestamp: UtcInstant): OutgoingMessage {
  const body = {
    version: '1.1',
    messageId: randomUUID(),
    timestamp,
    source: 'bench',
    siteId: plantId,
    payload: {
      gridPowerKw: -12.5,
      fvePowerKw: 30.25,
      batteryPowerKw: 7.75,
      consumptionPowerKw: 10,
      socPercent: 54.2,
      availableBatteryEnergyKwh: 108.4,
      batteryTemperatureCelsius: 23.1,
      currentOperatingMode: 'AUTO',
      dataQuality: 'GOOD',
    },
  };
  return {
    exchange: EXCHANGES.vcp,
    routingKey: partnerTelemetryKey(queuePrefix, 'realtime', plantId),
    body: Buffer.from(JSON.stringify(body)),
  };
}
