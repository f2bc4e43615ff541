import { Decimal, decimalText, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { readRows } from './data-files.js';
import type { MeasuredDispatch, MeasuredSample } from './messages.js';
import { assetIdOf, demoAsset } from './register.js';
import { quarterHourOf, shifted, type Shift } from './times.js';

const FILE = 'battery_hpr_4s_2021-04-27_am.csv';
const UNIT = 'HPR1';
const row = z.object({ time: z.string(), target_mw: z.string(), measured_mw: z.string() });

export const HORNSDALE_ASSET = demoAsset(UNIT, {
  name: 'Hornsdale Power Reserve, AEMO unit HPR1 in SA1',
  type: 'BESS',
  plant: 'hornsdale',
});

export const HORNSDALE_SOURCE = 'AEMO 4 s measurement of HPR1, by way of UNSW-CEEM/NEMOSIS';

const DISPATCH_SOURCE =
  'AEMO HPR1: mean over the delivery period of the 4 s target computed in UNSW-CEEM/NEMOSIS from INITIALMW, TOTALCLEARED and regulation';

/**
 * The battery's measured power every 4 s for 12 h. The file counts discharging as positive, VCP charging and import. What is
 * measured is the output of the whole plant, so it is the battery's power and the exchange with the grid in one.
 */
export function hornsdaleSamples(): MeasuredSample[] {
  return readRows(FILE, row).map(({ time, measured_mw }) => {
    const chargingKw = new Decimal(measured_mw).times(-1000).toNumber();
    return {
      measuredAt: parseInstant(time),
      payload: { gridPowerKw: chargingKw, batteryPowerKw: chargingKw, dataQuality: 'GOOD' },
    };
  });
}

/** One command per delivery period: the mean of the period's targets. */
export function hornsdaleDispatches(): MeasuredDispatch[] {
  const targets = new Map<UtcInstant, Decimal[]>();
  for (const { time, target_mw } of readRows(FILE, row)) {
    const period = quarterHourOf(parseInstant(time));
    targets.set(period, [...(targets.get(period) ?? []), new Decimal(target_mw)]);
  }
  return [...targets].map(([period, targetsMw]) => ({
    assetId: assetIdOf(UNIT),
    source: DISPATCH_SOURCE,
    dueAt: period,
    publishedAt: period,
    deliveryPeriodStart: period,
    targetPowerMw: decimalText(Decimal.sum(...targetsMw).div(targetsMw.length)),
    nominalPowerMw: null,
  }));
}

/** The hours of which the battery has dispatches, once the set was moved. */
export function hornsdaleHours(shift: Shift): { readonly from: UtcInstant; readonly to: UtcInstant } {
  const periods = hornsdaleDispatches().map(({ deliveryPeriodStart }) => shifted(deliveryPeriodStart, shift));
  const [from] = periods;
  const last = periods.at(-1);
  if (from === undefined || last === undefined) throw new RangeError('the battery has no dispatches');
  return { from, to: shifted(last, 1) };
}
