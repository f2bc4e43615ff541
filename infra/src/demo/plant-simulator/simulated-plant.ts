import {
  deviceIdText,
  vcpDevicePayload,
  vcpEmergencyPayload,
  vcpModePayload,
  vcpScheduleSlot,
  vcpSiteSetpointPayload,
  type CommandPriority,
  type FlowDirection,
  type PlantCommand,
  type VcpDevicePayload,
  type VcpRealtimePayload,
} from '@quarterhour/contracts';
import { z } from 'zod';

/** What a plant can do. Powers in kW, energy in kWh, state of charge 0 to 100 percent. */
export interface PlantLimits {
  readonly maxImportKw: number;
  readonly maxExportKw: number;
  readonly capacityKwh: number;
  readonly socMin: number;
  readonly socMax: number;
  readonly deviceId: string;
}

/** What a plant made of a command. */
export interface Done {
  readonly outcome: 'EXECUTED' | 'FAILED';
  /** Why it was refused. */
  readonly reason: string | null;
}

/** A power that the plant was told to have: kW, positive = import, as VCP has it. */
interface Target {
  readonly kw: number;
  /** Of two, the higher one holds; of equal ones, the later. */
  readonly rank: number;
  readonly of: string;
  readonly untilMillis: number | null;
}

/** About as fast as the battery at Hornsdale gets to its target: within a quarter of a minute. */
const TIME_CONSTANT_MS = 4_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const HALF_FULL_PERCENT = 50;

const RANKS: Readonly<Record<CommandPriority, number>> = { NORMAL: 1, HIGH: 3, EMERGENCY: 5 };
/** A schedule goes before a set-point of its own priority, but not before one in an emergency. */
const SCHEDULE_ADVANTAGE = 1;
const EMERGENCY_SETPOINT = 7;

const slotPayload = vcpScheduleSlot.extend({ scheduleId: z.string() });
const cancelPayload = z.object({ scheduleId: z.string(), cancelled: z.literal(true) });

const EXECUTED: Done = { outcome: 'EXECUTED', reason: null };

/** Thrown inside a plant to leave a command with a reason. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/**
 * A battery at a point of connection: follows what it was told, within what it can do, and does what the measured one did
 * while it was told nothing. No I/O, no clock: it is told the time.
 */
export class SimulatedPlant {
  readonly #limits: PlantLimits;
  readonly #untold: (millis: number) => number;
  #targets: Target[] = [];
  #mode: string | null = null;
  #isStopped = false;
  #socMin: number;
  #socMax: number;
  #soc = HALF_FULL_PERCENT;
  #kw = 0;
  #millis: number;

  /**
   * @param untold what it does when nobody tells it anything, in kW, positive = import
   * @param nowMillis when it begins
   */
  constructor(limits: PlantLimits, untold: (millis: number) => number, nowMillis: number) {
    this.#limits = limits;
    this.#untold = untold;
    this.#socMin = limits.socMin;
    this.#socMax = limits.socMax;
    this.#millis = nowMillis;
  }

  /** Carries out a command, or says why not. */
  carryOut(command: PlantCommand, nowMillis: number): Done {
    this.advance(nowMillis);
    try {
      if (millisOf(command.validUntil) !== null && (millisOf(command.validUntil) ?? 0) <= nowMillis) {
        throw new Refusal('it came too late');
      }
      this.#obey(command, nowMillis);
      return EXECUTED;
    } catch (error) {
      if (error instanceof Refusal) return { outcome: 'FAILED', reason: error.message };
      if (error instanceof z.ZodError) return { outcome: 'FAILED', reason: 'its payload cannot be understood' };
      throw error;
    }
  }

  /** Lets the time pass. */
  advance(nowMillis: number): void {
    const elapsed = Math.max(0, nowMillis - this.#millis);
    this.#millis = Math.max(nowMillis, this.#millis);
    this.#targets = this.#targets.filter(({ untilMillis }) => untilMillis === null || untilMillis > nowMillis);
    const wanted = this.#wanted(nowMillis);
    this.#kw += (wanted - this.#kw) * (this.#isStopped ? 1 : 1 - Math.exp(-elapsed / TIME_CONSTANT_MS));
    const charged = (this.#kw * elapsed) / HOUR_MS / this.#limits.capacityKwh;
    this.#soc = Math.min(100, Math.max(0, this.#soc + charged * 100));
    if (this.#isAtItsEnd(this.#kw)) this.#kw = 0;
  }

  /** What it measures of itself. */
  sample(): VcpRealtimePayload {
    const kw = rounded(this.#kw);
    return {
      gridPowerKw: kw,
      fvePowerKw: null,
      batteryPowerKw: kw,
      consumptionPowerKw: null,
      socPercent: rounded(this.#soc),
      availableBatteryEnergyKwh: rounded((this.#soc / 100) * this.#limits.capacityKwh),
      batteryTemperatureCelsius: null,
      currentOperatingMode: this.#isStopped ? 'STOPPED' : this.#mode,
      dataQuality: 'GOOD',
    };
  }

  #wanted(nowMillis: number): number {
    if (this.#isStopped) return 0;
    const [best] = [...this.#targets].sort((one, other) => other.rank - one.rank);
    const kw = best === undefined ? this.#untold(nowMillis) : best.kw;
    const possible = Math.min(this.#limits.maxImportKw, Math.max(-this.#limits.maxExportKw, kw));
    return this.#isAtItsEnd(possible) ? 0 : possible;
  }

  #isAtItsEnd(kw: number): boolean {
    return (kw > 0 && this.#soc >= this.#socMax) || (kw < 0 && this.#soc <= this.#socMin);
  }

  #obey(command: PlantCommand, nowMillis: number): void {
    if (this.#isStopped && command.kind !== 'emergency') throw new Refusal('it is stopped in an emergency');
    const untilMillis = millisOf(command.validUntil);
    switch (command.kind) {
      case 'setpoint':
        return this.#setPoint(command, nowMillis, untilMillis);
      case 'schedule-slot':
        return this.#schedule(command, untilMillis);
      case 'device':
        return this.#device(command, untilMillis);
      case 'mode':
        this.#mode = vcpModePayload.parse(command.payload).mode;
        return;
      case 'emergency': {
        const { action, deviceId } = vcpEmergencyPayload.parse(command.payload);
        if (deviceId) this.#refuseOtherDevices(deviceId);
        this.#isStopped = action === 'STOP';
        if (this.#isStopped) this.#targets = [];
      }
    }
  }

  #setPoint({ payload, priority }: PlantCommand, nowMillis: number, untilMillis: number | null): void {
    const told = vcpSiteSetpointPayload.parse(payload);
    const { type, targetValueKw, targetValueKwh, intervalMinutes, direction } = told;
    const minutes = intervalMinutes ?? 0;
    const isEnergy = type === 'ENERGY' && minutes > 0;
    const kw = isEnergy ? ((targetValueKwh ?? 0) * 60) / minutes : (targetValueKw ?? 0);
    const endOfEnergy = isEnergy ? nowMillis + minutes * MINUTE_MS : null;
    const rank = priority === 'EMERGENCY' ? EMERGENCY_SETPOINT : RANKS[priority];
    this.#aim(`setpoint ${priority}`, this.#signed(kw, direction), rank, earlier(untilMillis, endOfEnergy));
  }

  #schedule({ payload, priority }: PlantCommand, untilMillis: number | null): void {
    const cancelled = cancelPayload.safeParse(payload);
    if (cancelled.success) return this.#forget(`schedule ${cancelled.data.scheduleId}`);
    const { scheduleId, targetPowerKw, direction } = slotPayload.parse(payload);
    const kw = this.#signed(targetPowerKw, direction);
    this.#aim(`schedule ${scheduleId}`, kw, RANKS[priority] + SCHEDULE_ADVANTAGE, untilMillis);
  }

  #device({ payload, priority }: PlantCommand, untilMillis: number | null): void {
    const told = vcpDevicePayload.parse(payload);
    this.#refuseOtherDevices(told.deviceId);
    const aim = (kw: number) => this.#aim('device', kw, RANKS[priority], untilMillis);
    switch (told.action) {
      case 'CHARGE':
        return aim(this.#signed(told.powerKw ?? 0, 'IMPORT'));
      case 'DISCHARGE':
        return aim(this.#signed(told.powerKw ?? 0, 'EXPORT'));
      case 'CONTINUOUS_CHARGE':
        return aim(this.#limits.maxImportKw);
      case 'HOLD':
        return aim(0);
      case 'SET_SOC_LIMITS':
        return this.#setSocLimits(told);
      case 'DEFAULT':
        return this.#forget('device');
      case 'CANCEL_ALL':
        this.#targets = [];
        return;
      case 'SET_OVERFLOW':
      case 'CHARGE_ONLY':
      case 'DISCHARGE_ONLY':
        throw new Refusal(`it cannot do ${told.action}`);
    }
  }

  #setSocLimits({ socMin, socMax }: VcpDevicePayload): void {
    const [low, high] = [socMin ?? 0, socMax ?? 100];
    if (low < this.#limits.socMin || high > this.#limits.socMax) {
      throw new Refusal(`its state of charge is from ${this.#limits.socMin} to ${this.#limits.socMax} percent`);
    }
    [this.#socMin, this.#socMax] = [low, high];
  }

  /** A plant that did less than it was told would not have done it. */
  #signed(kw: number, direction: FlowDirection): number {
    const { maxImportKw, maxExportKw } = this.#limits;
    const most = direction === 'IMPORT' ? maxImportKw : maxExportKw;
    if (kw > most) throw new Refusal(`${direction} is at most ${most} kW`);
    return direction === 'IMPORT' ? kw : -kw;
  }

  #aim(of: string, kw: number, rank: number, untilMillis: number | null): void {
    this.#forget(of);
    this.#targets.unshift({ of, kw, rank, untilMillis });
  }

  #forget(of: string): void {
    this.#targets = this.#targets.filter((target) => target.of !== of);
  }

  #refuseOtherDevices(deviceId: string): void {
    if (deviceId !== this.#limits.deviceId) throw new Refusal(`it has no device ${deviceIdText.parse(deviceId)}`);
  }
}

function millisOf(instant: string | null | undefined): number | null {
  return instant === null || instant === undefined ? null : Date.parse(instant);
}

function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
