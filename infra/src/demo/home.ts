import { Decimal, decimalText, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { readRows } from './data-files.js';
import type { MeasuredSample } from './messages.js';
import { demoAsset } from './register.js';

const FILE = 'home_pv_load_forecast_30min_2024-10_11.csv';
const row = z.object({ time: z.string(), load_w: z.string(), pv_w: z.string(), pv_forecast_w: z.string() });

/** The register has German and Polish areas only, so the house in France is shown in 50HZ. */
export const HOME_ASSET = demoAsset('HOME-FR-1', { name: 'PV of a house in France', type: 'PV', plant: 'home' });

export const HOME_SOURCE = 'House in France, half-hour means, by way of davidusb-geek/emhass';

/** Load and PV of a house as half-hour means, at the start of the half hour. PV is not recorded at night. */
export function homeSamples(): MeasuredSample[] {
  return readRows(FILE, row).map(({ time, load_w, pv_w }) => ({
    measuredAt: parseInstant(time),
    payload: { consumptionPowerKw: kilowatts(load_w), fvePowerKw: kilowatts(pv_w), dataQuality: 'GOOD' },
  }));
}

/** What the PV was expected to give on average in the half hour from an instant on, as it was forecast then. */
export interface MeasuredForecast {
  readonly startsAt: UtcInstant;
  readonly generationMw: string;
}

/** There is none at night, and a few are missing by day. */
export function homeForecasts(): MeasuredForecast[] {
  return readRows(FILE, row)
    .filter(({ pv_forecast_w }) => pv_forecast_w !== '')
    .map(({ time, pv_forecast_w }) => ({
      startsAt: parseInstant(time),
      generationMw: decimalText(new Decimal(pv_forecast_w).div(1_000_000)),
    }));
}

function kilowatts(watts: string): number | null {
  return watts === '' ? null : new Decimal(watts).div(1000).toNumber();
}
