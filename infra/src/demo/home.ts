import { Decimal, parseInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { readRows } from './data-files.js';
import type { MeasuredSample } from './messages.js';

const row = z.object({ time: z.string(), load_w: z.string(), pv_w: z.string() });

export const HOME_SOURCE = 'House in France, half-hour means, by way of davidusb-geek/emhass';

/** Load and PV of a house as half-hour means, at the start of the half hour. PV is not recorded at night. */
export function homeSamples(): MeasuredSample[] {
  return readRows('home_pv_load_forecast_30min_2024-10_11.csv', row).map(({ time, load_w, pv_w }) => ({
    measuredAt: parseInstant(time),
    payload: { consumptionPowerKw: kilowatts(load_w), fvePowerKw: kilowatts(pv_w), dataQuality: 'GOOD' },
  }));
}

function kilowatts(watts: string): number | null {
  return watts === '' ? null : new Decimal(watts).div(1000).toNumber();
}
