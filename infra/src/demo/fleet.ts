import { Decimal, canonicalDecimal, decimalText, type UtcInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { readRows } from './data-files.js';
import type { MeasuredDispatch } from './messages.js';
import { assetIdOf, demoAsset, type DemoAsset } from './register.js';
import { aemoInstant, quarterHourOf, startOfFiveMinutes } from './times.js';

const SNAPSHOT = 'nem_fleet_snapshot_2024-07-10T1205.csv';
const DOUBLE_ROWS = 'nem_dispatch_double_rows_2018-05-01.csv';
const SNAPSHOT_SOURCE = 'AEMO dispatch of 5 minutes, by way of UNSW-CEEM/nempy';

const unitRow = z.object({
  SETTLEMENTDATE: z.string(),
  DUID: z.string(),
  DISPATCHTYPE: z.enum(['GENERATOR', 'LOAD', 'BIDIRECTIONAL']),
  REGIONID: z.string(),
  REGISTEREDCAPACITY: z.string(),
  TOTALCLEARED: z.string(),
});

const dispatchRow = z.object({
  SETTLEMENTDATE: z.string(),
  DUID: z.string(),
  INTERVENTION: z.enum(['0', '1']),
  TOTALCLEARED: z.string(),
  LASTCHANGED: z.string(),
});

/** Every unit of the Australian market in July 2024. */
export function fleetAssets(): DemoAsset[] {
  return readRows(SNAPSHOT, unitRow).map((unit) =>
    demoAsset(unit.DUID, {
      name: `AEMO unit ${unit.DUID}, ${unit.DISPATCHTYPE.toLowerCase()} in ${unit.REGIONID}`,
      type: unit.DISPATCHTYPE === 'BIDIRECTIONAL' ? 'BESS' : 'VBAT',
      plant: null,
    }),
  );
}

/** What is registered of a unit. */
export interface FleetUnit {
  readonly assetId: string;
  /** Beginning of the five minutes in which it was seen so. */
  readonly seenAt: UtcInstant;
  readonly registeredMw: string;
}

/** Every unit of the market as it is registered. */
export function fleetUnits(): FleetUnit[] {
  return readRows(SNAPSHOT, unitRow).map((unit) => ({
    assetId: assetIdOf(unit.DUID),
    seenAt: startOfFiveMinutes(unit.SETTLEMENTDATE),
    registeredMw: canonicalDecimal(unit.REGISTEREDCAPACITY),
  }));
}

/** One command for every unit, all of the same five minutes. AEMO counts the power of a load as positive. */
export function fleetDispatches(): MeasuredDispatch[] {
  return readRows(SNAPSHOT, unitRow).map((unit) => {
    const dueAt = startOfFiveMinutes(unit.SETTLEMENTDATE);
    return {
      assetId: assetIdOf(unit.DUID),
      source: SNAPSHOT_SOURCE,
      dueAt,
      publishedAt: dueAt,
      deliveryPeriodStart: quarterHourOf(dueAt),
      targetPowerMw: unit.DISPATCHTYPE === 'LOAD' ? opposite(unit.TOTALCLEARED) : canonicalDecimal(unit.TOTALCLEARED),
      nominalPowerMw: canonicalDecimal(unit.REGISTEREDCAPACITY),
    };
  });
}

/** Two generators on a day that was computed with and without the operator's intervention: two sources. */
export function doubleDispatches(): MeasuredDispatch[] {
  return readRows(DOUBLE_ROWS, dispatchRow).map((dispatch) => {
    const dueAt = startOfFiveMinutes(dispatch.SETTLEMENTDATE);
    return {
      assetId: assetIdOf(dispatch.DUID),
      source: `AEMO dispatch run, INTERVENTION ${dispatch.INTERVENTION}, by way of UNSW-CEEM/NEMOSIS`,
      dueAt,
      publishedAt: aemoInstant(dispatch.LASTCHANGED),
      deliveryPeriodStart: quarterHourOf(dueAt),
      targetPowerMw: canonicalDecimal(dispatch.TOTALCLEARED),
      nominalPowerMw: null,
    };
  });
}

function opposite(megawatts: string): string {
  return decimalText(new Decimal(megawatts).neg());
}
