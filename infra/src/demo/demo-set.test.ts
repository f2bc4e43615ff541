import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Register, dispatchStream, plantTelemetryStream } from '@quarterhour/ingestion';
import { Decimal, epochMicros, parseInstant } from '@quarterhour/domain';
import { demoAssets, demoMessages, shiftsToEndAt } from './demo-set.js';
import { doubleDispatches, fleetAssets, fleetDispatches } from './fleet.js';
import { homeForecasts, homeSamples } from './home.js';
import { hornsdaleDispatches, hornsdaleSamples } from './hornsdale.js';
import type { DemoMessage } from './messages.js';
import { DEMO_ORGANISATION, DEMO_PLANTS } from './register.js';
import { fleetSpecs, HORNSDALE_SPECS } from './specs.js';
import { rawExports, samplesWithoutValues } from './vendor-exports.js';

const ORGANISATION = '01890000-0000-7000-8000-000000000001';
const PLANTS = {
  hornsdale: '01890000-0000-7000-8000-00000000000a',
  home: '01890000-0000-7000-8000-00000000000b',
  sungrow: '01890000-0000-7000-8000-00000000000c',
};
const NOW = parseInstant('2026-11-21T12:00:00Z');

describe('Hornsdale', () => {
  test('has a sample every four seconds, charging positive as VCP has it', () => {
    const samples = hornsdaleSamples();
    expect(samples).toHaveLength(10_800);
    expect(samples[0]).toEqual({
      measuredAt: '2021-04-26T14:00:03Z',
      payload: { gridPowerKw: 19_000, batteryPowerKw: 19_000, dataQuality: 'GOOD' },
    });
    expect(samples.at(-1)?.payload).toEqual({ gridPowerKw: 75_900, batteryPowerKw: 75_900, dataQuality: 'GOOD' });
  });

  test('has a command per delivery period: the mean of its targets, discharging positive', () => {
    const dispatches = hornsdaleDispatches();
    expect(dispatches).toHaveLength(48);
    expect(dispatches.map(({ targetPowerMw }) => targetPowerMw)).toEqual(
      expect.arrayContaining(['-29.085222', '33.816222', '-57.019329', '-39.920107']),
    );
    expect(dispatches[0]).toEqual({
      assetId: 'DE_50HZ_HPR1_1',
      source: expect.stringContaining('AEMO'),
      dueAt: '2021-04-26T14:00:00Z',
      publishedAt: '2021-04-26T14:00:00Z',
      deliveryPeriodStart: '2021-04-26T14:00:00Z',
      targetPowerMw: '-29.085222',
      nominalPowerMw: null,
    });
  });
});

describe('the house', () => {
  test('has the forecasts that were made of its PV, in MW', () => {
    const forecasts = homeForecasts();
    expect(forecasts).toHaveLength(643);
    for (const { generationMw } of forecasts) expect(generationMw).toMatch(/^-?0(\.\d{1,6})?$/);
  });

  test('has a sample every half hour, and null where PV was not recorded', () => {
    const samples = homeSamples();
    expect(samples).toHaveLength(1_680);
    expect(samples.filter(({ payload }) => payload['fvePowerKw'] === null)).toHaveLength(937);
    expect(samples[0]?.payload).toEqual({ consumptionPowerKw: 0.211176, fvePowerKw: null, dataQuality: 'GOOD' });
    expect(samples[12]).toEqual({
      measuredAt: '2024-10-07T06:00:00Z',
      payload: { consumptionPowerKw: 0.255422, fvePowerKw: 0.12422, dataQuality: 'GOOD' },
    });
  });
});

describe('the fleet', () => {
  test('has an asset per unit, whose code needs no escaping and whose name keeps the original', () => {
    const assets = fleetAssets();
    expect(assets).toHaveLength(497);
    expect(new Set(assets.map(({ id }) => id)).size).toBe(497);
    expect(assets.find(({ code }) => code === 'W-HOE-1')).toEqual({
      id: 'DE_50HZ_W-HOE-1_1',
      code: 'W-HOE-1',
      name: 'AEMO unit W/HOE#1, generator in QLD1',
      type: 'VBAT',
      region: 'DE',
      deliveryArea: '50HZ',
      plant: null,
    });
    expect(assets.filter(({ type }) => type === 'BESS').map(({ code }) => code)).toEqual(['BHB1', 'WANDB1']);
  });

  test('has one command per unit, due at the beginning of the five minutes', () => {
    const dispatches = fleetDispatches();
    expect(dispatches).toHaveLength(497);
    expect(dispatches.find(({ assetId }) => assetId === 'DE_50HZ_HDWF2_1')).toEqual({
      assetId: 'DE_50HZ_HDWF2_1',
      source: expect.stringContaining('AEMO'),
      dueAt: '2024-07-10T02:00:00Z',
      publishedAt: '2024-07-10T02:00:00Z',
      deliveryPeriodStart: '2024-07-10T02:00:00Z',
      targetPowerMw: '80.04',
      nominalPowerMw: '102',
    });
  });

  test('draws power where the unit is a load', () => {
    const load = fleetDispatches().find(({ assetId }) => assetId === 'DE_50HZ_HPRL1_1');
    expect(load).toMatchObject({ targetPowerMw: '-80', nominalPowerMw: '120' });
  });
});

describe('the day that was computed twice', () => {
  test('gives the same five minutes of a unit to two sources', () => {
    const dispatches = doubleDispatches();
    expect(dispatches).toHaveLength(1_152);
    const first = dispatches.filter(
      ({ assetId, dueAt }) => assetId === 'DE_50HZ_HDWF2_1' && dueAt === '2018-04-30T14:00:00Z',
    );
    expect(first.map(({ targetPowerMw, publishedAt }) => [targetPowerMw, publishedAt])).toEqual([
      ['46.974', '2018-04-30T14:00:06Z'],
      ['46.974', '2018-04-30T14:00:06Z'],
    ]);
    expect(new Set(dispatches.map(({ source }) => source)).size).toBe(2);
  });
});

describe('the technical data', () => {
  test('of each unit is its registered capacity, since it was seen so', () => {
    const specs = fleetSpecs();
    expect(specs).toHaveLength(497);
    expect(specs.find(({ assetId }) => assetId === 'DE_50HZ_HPRG1_1')?.spec).toMatchObject({
      validFrom: '2024-07-10T02:00:00Z',
      validTo: null,
      ratedPowerMw: '150',
      maxCapacityMwh: null,
    });
  });

  test('of Hornsdale are two versions without a gap', () => {
    const [built, extended] = HORNSDALE_SPECS;
    expect(built?.validTo).toBe(extended?.validFrom);
    expect(extended?.validTo).toBeNull();
  });
});

describe('the vendor exports', () => {
  test('are published whole, to the byte', () => {
    const messages = rawExports(PLANTS.sungrow);
    expect(messages).toHaveLength(6);
    expect(messages[1]?.body.subarray(0, 3).toString('hex')).toBe('efbbbf');
  });

  test('give a sample for every row that was not measured, with what stands there', () => {
    const samples = samplesWithoutValues();
    expect(samples).toHaveLength(131);
    expect(samples[0]).toEqual({
      measuredAt: '2023-06-21T11:05:00Z',
      payload: {
        gridPowerKw: '--',
        fvePowerKw: '--',
        batteryPowerKw: '--',
        consumptionPowerKw: '--',
        dataQuality: 'GOOD',
      },
    });
  });
});

describe('the whole demo', () => {
  const messages = demoMessages(PLANTS, shiftsToEndAt(NOW));

  test('has 14,177 facts and 137 messages that have to be set aside', () => {
    expect(messages.filter(({ fault }) => fault === null)).toHaveLength(48 + 497 + 1_152 + 10_800 + 1_680);
    expect(messages.filter(({ fault }) => fault === 'syntax')).toHaveLength(6);
    expect(messages.filter(({ fault }) => fault === 'schema')).toHaveLength(131);
  });

  test('has an id of its own for each message', () => {
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(messages.length);
  });

  test('is the same, to the byte, when it is made again from the same plants and shifts', () => {
    expect(digestOf(demoMessages(PLANTS, shiftsToEndAt(NOW)))).toBe(digestOf(messages));
  });

  test('has other messages when it is moved elsewhere', () => {
    const later = demoMessages(PLANTS, shiftsToEndAt(parseInstant('2026-11-22T12:00:00Z')));
    const ids = new Set(messages.map(({ messageId }) => messageId));
    expect(later.filter(({ messageId }) => ids.has(messageId)).map(({ fault }) => fault)).toEqual(
      Array.from({ length: 6 }, () => 'syntax'),
    );
  });

  test('is understood or refused by the worker as it says', () => {
    const register = demoRegister();
    const surprises = messages.filter((message) => faultOf(message, register) !== message.fault);
    expect(surprises).toEqual([]);
  });

  test('is about assets that the demo registers, each but the PV of the house with at least one command', () => {
    const commanded = new Set(
      messages
        .filter(({ stream }) => stream === 'dispatch')
        .map(({ routingKey }) => routingKey.slice('dispatch.'.length)),
    );
    expect([...commanded].sort()).toEqual(
      demoAssets()
        .filter(({ type }) => type !== 'PV')
        .map(({ id }) => id)
        .sort(),
    );
  });

  test('reaches the store with the power that was measured', () => {
    const [sample] = messages.filter(({ stream }) => stream === 'plant-telemetry');
    const received = plantTelemetryStream.receive(delivered(sample!), contextOf(demoRegister()));
    expect(received).toMatchObject({
      kind: 'understood',
      fact: { sample: { batteryKw: new Decimal(-19).times(1000).toNumber() } },
    });
  });
});

function digestOf(messages: readonly DemoMessage[]): string {
  const digest = createHash('sha256');
  for (const { body, ...rest } of messages) digest.update(JSON.stringify(rest)).update(body);
  return digest.digest('hex');
}

function faultOf(message: DemoMessage, register: Register): string | null {
  const stream = message.stream === 'dispatch' ? dispatchStream : plantTelemetryStream;
  const received = stream.receive(delivered(message), contextOf(register));
  return received.kind === 'understood' ? null : received.fault.reason;
}

function contextOf(register: Register) {
  return { register, nowMillis: epochMicros(NOW) / 1000 };
}

function delivered(message: DemoMessage) {
  const { body, exchange, routingKey, contentType } = message;
  return { body, exchange, routingKey, queue: 'test', redelivered: false, properties: { contentType, headers: {} } };
}

function demoRegister(): Register {
  const { slug, queuePrefix, marketZone } = DEMO_ORGANISATION;
  return new Register({
    version: '1',
    nowMillis: 0,
    tradingStates: [],
    apiKeys: [],
    organisations: [{ id: ORGANISATION, slug, queuePrefix, marketZone }],
    plants: [
      plantRow(PLANTS.hornsdale, DEMO_PLANTS.hornsdale),
      plantRow(PLANTS.home, DEMO_PLANTS.home),
      plantRow(PLANTS.sungrow, DEMO_PLANTS.sungrow),
    ],
    assets: demoAssets().map(({ id, deliveryArea }) => ({ id, orgId: ORGANISATION, plantId: null, deliveryArea })),
  });
}

function plantRow(id: string, plant: { readonly externalPlantId: string; readonly timeZone: string }) {
  return { orgId: ORGANISATION, id, marketZone: DEMO_ORGANISATION.marketZone, ...plant };
}
