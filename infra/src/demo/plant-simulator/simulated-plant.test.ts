import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PlantCommand } from '@quarterhour/contracts';
import fc from 'fast-check';
import { hornsdaleSamples } from '../hornsdale.js';
import { HORNSDALE_EVERY_MS, HORNSDALE_LIMITS, hornsdalePlant } from './hornsdale-plant.js';
import { SimulatedPlant } from './simulated-plant.js';

const START = Date.parse('2026-03-01T00:00:00Z');
const LIMITS = { maxImportKw: 100, maxExportKw: 80, capacityKwh: 200, socMin: 10, socMax: 90, deviceId: 'BAT-1' };
const UNTOLD_KW = 7;

let plant: SimulatedPlant;
let now: number;

beforeEach(() => {
  now = START;
  plant = new SimulatedPlant(LIMITS, () => UNTOLD_KW, now);
});

function told(different: Partial<PlantCommand>): PlantCommand {
  return {
    version: 1,
    commandId: '00000000-0000-4000-8000-000000000001',
    plantId: '00000000-0000-4000-8000-000000000002',
    kind: 'setpoint',
    priority: 'NORMAL',
    payload: {},
    sentAt: new Date(now).toISOString(),
    ...different,
  };
}

const setpoint = (targetValueKw: number, direction: 'IMPORT' | 'EXPORT', different: Partial<PlantCommand> = {}) =>
  told({
    payload: {
      type: 'POWER',
      targetValueKw,
      direction,
      includeConsumption: true,
      priority: different.priority ?? 'NORMAL',
      validFrom: new Date(now).toISOString(),
    },
    ...different,
  });

const device = (payload: object) => told({ kind: 'device', payload: { deviceId: 'BAT-1', ...payload } });
const slot = (scheduleId: string, targetPowerKw: number, different: Partial<PlantCommand> = {}) =>
  told({
    kind: 'schedule-slot',
    payload: {
      scheduleId,
      from: new Date(now).toISOString(),
      to: new Date(now + 900_000).toISOString(),
      targetPowerKw,
      direction: 'EXPORT',
      includeConsumption: true,
    },
    ...different,
  });
const emergency = (action: 'STOP' | 'RELEASE') =>
  told({ kind: 'emergency', priority: 'EMERGENCY', payload: { action } });

const EXECUTED = { outcome: 'EXECUTED', reason: null };
const refused = (reason: RegExp) => ({ outcome: 'FAILED', reason: expect.stringMatching(reason) });
const carryOut = (command: PlantCommand) => plant.carryOut(command, now);
const inMs = (millis: number) => new Date(now + millis).toISOString();

/** The power that it has half a minute from now, in kW. */
function settledKw(): number {
  for (let step = 0; step < 30; step += 1) plant.advance((now += 1_000));
  return plant.sample().gridPowerKw ?? Number.NaN;
}

describe('a plant that is told nothing', () => {
  test('does what was measured', () => expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1));

  test('at Hornsdale does what the battery did, over and over', () => {
    const measured = hornsdaleSamples().map(({ payload }) => Number(payload['batteryPowerKw']));
    const day = measured.length * HORNSDALE_EVERY_MS;
    const start = Math.ceil(START / day) * day;
    const battery = hornsdalePlant(start);
    const powers: number[] = [];
    for (let step = 1; step <= 200; step += 1) {
      battery.advance(start + step * HORNSDALE_EVERY_MS);
      powers.push(battery.sample().gridPowerKw ?? Number.NaN);
    }
    const [lowest, highest] = [Math.min(...measured), Math.max(...measured)];
    for (const power of powers) {
      expect(power).toBeGreaterThanOrEqual(lowest);
      expect(power).toBeLessThanOrEqual(highest);
    }
    expect(new Set(powers).size).toBeGreaterThan(100);
  });
});

describe('a plant that is told a set-point', () => {
  test('gets there within a quarter of a minute, and signs what it measures as VCP does', () => {
    expect(carryOut(setpoint(40, 'EXPORT'))).toEqual(EXECUTED);
    expect(settledKw()).toBeCloseTo(-40, 1);
    carryOut(setpoint(40, 'IMPORT'));
    expect(settledKw()).toBeCloseTo(40, 1);
  });

  test('keeps it until its end, and goes back to what it did', () => {
    carryOut(setpoint(40, 'EXPORT', { validUntil: inMs(31_000) }));
    expect(settledKw()).toBeCloseTo(-40, 1);
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1);
  });

  test('of an amount of energy spreads it over its interval', () => {
    const payload = {
      type: 'ENERGY',
      targetValueKwh: 1,
      intervalMinutes: 2,
      direction: 'EXPORT',
      includeConsumption: true,
      priority: 'NORMAL',
      validFrom: inMs(0),
    };
    expect(carryOut(told({ payload }))).toEqual(EXECUTED);
    expect(settledKw()).toBeCloseTo(-30, 1);
    for (let half = 0; half < 4; half += 1) settledKw();
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1);
  });

  test('refuses what it cannot do, what comes too late, and what it cannot understand', () => {
    expect(carryOut(setpoint(101, 'IMPORT'))).toEqual(refused(/IMPORT is at most 100 kW/));
    expect(carryOut(setpoint(81, 'EXPORT'))).toEqual(refused(/EXPORT is at most 80 kW/));
    expect(carryOut(setpoint(10, 'EXPORT', { validUntil: inMs(0) }))).toEqual(refused(/too late/));
    expect(carryOut(told({ payload: { type: 'POWER' } }))).toEqual(refused(/cannot be understood/));
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1);
  });

  test('follows the higher priority, and of equal ones the later', () => {
    carryOut(setpoint(20, 'EXPORT', { priority: 'HIGH', validUntil: inMs(61_000) }));
    carryOut(setpoint(30, 'EXPORT'));
    expect(settledKw()).toBeCloseTo(-20, 1);
    carryOut(setpoint(25, 'EXPORT', { priority: 'HIGH', validUntil: inMs(31_000) }));
    expect(settledKw()).toBeCloseTo(-25, 1);
    expect(settledKw()).toBeCloseTo(-30, 1);
  });
});

describe('a plant with a schedule', () => {
  test('follows it before a set-point of its priority, and after one of a higher one', () => {
    carryOut(slot('plan', 50, { validUntil: inMs(900_000) }));
    carryOut(setpoint(20, 'EXPORT'));
    expect(settledKw()).toBeCloseTo(-50, 1);
    carryOut(setpoint(30, 'EXPORT', { priority: 'HIGH', validUntil: inMs(31_000) }));
    expect(settledKw()).toBeCloseTo(-30, 1);
    expect(settledKw()).toBeCloseTo(-50, 1);
  });

  test('leaves even an EMERGENCY schedule for an EMERGENCY set-point', () => {
    carryOut(slot('plan', 50, { priority: 'EMERGENCY' }));
    carryOut(setpoint(20, 'EXPORT', { priority: 'EMERGENCY' }));
    expect(settledKw()).toBeCloseTo(-20, 1);
  });

  test('forgets it when it is cancelled', () => {
    carryOut(slot('plan', 50));
    expect(carryOut(told({ kind: 'schedule-slot', payload: { scheduleId: 'plan', cancelled: true } }))).toEqual(
      EXECUTED,
    );
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1);
  });
});

describe('a plant in an emergency', () => {
  test('stops at once, refuses everything, and goes on after the release', () => {
    carryOut(setpoint(40, 'EXPORT'));
    settledKw();
    expect(carryOut(emergency('STOP'))).toEqual(EXECUTED);
    plant.advance((now += 1));
    expect(plant.sample()).toMatchObject({ gridPowerKw: 0, currentOperatingMode: 'STOPPED' });
    expect(carryOut(setpoint(40, 'EXPORT'))).toEqual(refused(/stopped/));
    carryOut(emergency('RELEASE'));
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 1);
    expect(carryOut(setpoint(40, 'EXPORT'))).toEqual(EXECUTED);
  });
});

describe('a device of a plant', () => {
  test.each([
    ['CHARGE', { powerKw: 50 }, 50],
    ['DISCHARGE', { powerKw: 50 }, -50],
    ['CONTINUOUS_CHARGE', {}, 100],
    ['HOLD', {}, 0],
  ])('does %s', (action, more, kw) => {
    expect(carryOut(device({ action, ...more }))).toEqual(EXECUTED);
    expect(settledKw()).toBeCloseTo(kw, 0);
    carryOut(device({ action: 'DEFAULT' }));
    expect(settledKw()).toBeCloseTo(UNTOLD_KW, 0);
  });

  test('keeps to its limits of charge, and has no others than it can', () => {
    expect(carryOut(device({ action: 'SET_SOC_LIMITS', socMin: 0, socMax: 90 }))).toEqual(refused(/10 to 90/));
    expect(carryOut(device({ action: 'SET_SOC_LIMITS', socMin: 20, socMax: 51 }))).toEqual(EXECUTED);
    carryOut(setpoint(100, 'IMPORT'));
    settledKw();
    for (let half = 0; half < 10; half += 1) settledKw();
    expect(plant.sample().socPercent).toBeLessThan(51.1);
    expect(plant.sample().gridPowerKw).toBe(0);
  });

  test('is known by its name, and says what it cannot do', () => {
    expect(carryOut(device({ deviceId: 'BAT-2', action: 'HOLD' }))).toEqual(refused(/no device BAT-2/));
    expect(carryOut(device({ action: 'SET_OVERFLOW' }))).toEqual(refused(/cannot do SET_OVERFLOW/));
  });

  test('changes its mode', () => {
    expect(carryOut(told({ kind: 'mode', payload: { mode: 'PEAK_SHAVING' } }))).toEqual(EXECUTED);
    expect(plant.sample().currentOperatingMode).toBe('PEAK_SHAVING');
  });
});

test('whatever it is told, it stays within what it can do', () => {
  const anything = fc.oneof(
    fc
      .record({ kw: fc.double({ min: 0, max: 200_000, noNaN: true }), import: fc.boolean() })
      .map((one) => ({ set: one })),
    fc.record({ millis: fc.integer({ min: 0, max: 3_600_000 }) }).map((one) => ({ wait: one })),
  );
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 40 }), (steps) => {
      now = START;
      plant = hornsdalePlant(now);
      for (const step of steps) {
        if ('set' in step) carryOut(setpoint(step.set.kw, step.set.import ? 'IMPORT' : 'EXPORT'));
        else plant.advance((now += step.wait.millis));
        const { gridPowerKw, socPercent } = plant.sample();
        expect(gridPowerKw).toBeLessThanOrEqual(HORNSDALE_LIMITS.maxImportKw);
        expect(gridPowerKw).toBeGreaterThanOrEqual(-HORNSDALE_LIMITS.maxExportKw);
        expect(socPercent).toBeGreaterThanOrEqual(0);
        expect(socPercent).toBeLessThanOrEqual(100);
      }
    }),
  );
});
