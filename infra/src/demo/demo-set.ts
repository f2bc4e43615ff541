import type { UtcInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { doubleDispatches, fleetAssets, fleetDispatches } from './fleet.js';
import { HOME_ASSET, HOME_SOURCE, homeSamples } from './home.js';
import { HORNSDALE_ASSET, HORNSDALE_SOURCE, hornsdaleDispatches, hornsdaleSamples } from './hornsdale.js';
import { dispatchMessages, telemetryMessages, type DemoMessage, type MeasuredDispatch } from './messages.js';
import type { DemoAsset, PlantIds } from './register.js';
import { shiftToEndAt } from './times.js';
import { SUNGROW_SOURCE, rawExports, samplesWithoutValues } from './vendor-exports.js';

/** By how many quarter hours each data set is moved. Kept, so that a replay that goes on later says the same. */
export const demoShifts = z.object({
  hornsdale: z.int(),
  home: z.int(),
  fleet: z.int(),
  doubleRows: z.int(),
  sungrow: z.int(),
});
export type DemoShifts = z.infer<typeof demoShifts>;

/** The shifts with which every data set ends at `now`, or less than a quarter hour before. */
export function shiftsToEndAt(now: UtcInstant): DemoShifts {
  return {
    hornsdale: shiftToEndAt(now, measuredAt(hornsdaleSamples())),
    home: shiftToEndAt(now, measuredAt(homeSamples())),
    fleet: shiftToEndAt(now, knownAt(fleetDispatches())),
    doubleRows: shiftToEndAt(now, knownAt(doubleDispatches())),
    sungrow: shiftToEndAt(now, measuredAt(samplesWithoutValues())),
  };
}

/** Everything that the demo's register holds besides organisation and plants. */
export function demoAssets(): DemoAsset[] {
  return [HORNSDALE_ASSET, HOME_ASSET, ...fleetAssets()];
}

/** Every message of the demo, each once. The same plants and shifts give the same bytes. */
export function demoMessages(plants: PlantIds, shifts: DemoShifts): DemoMessage[] {
  const hornsdale = { plantId: plants.hornsdale, source: HORNSDALE_SOURCE };
  const home = { plantId: plants.home, source: HOME_SOURCE };
  const sungrow = { plantId: plants.sungrow, source: SUNGROW_SOURCE };
  return [
    ...dispatchMessages('fleet', shifts.fleet, fleetDispatches()),
    ...dispatchMessages('double rows', shifts.doubleRows, doubleDispatches()),
    ...dispatchMessages('hornsdale', shifts.hornsdale, hornsdaleDispatches()),
    ...telemetryMessages('hornsdale', shifts.hornsdale, hornsdale, hornsdaleSamples()),
    ...telemetryMessages('home', shifts.home, home, homeSamples()),
    ...rawExports(plants.sungrow),
    ...telemetryMessages('sungrow', shifts.sungrow, sungrow, samplesWithoutValues()).map(withoutValues),
  ];
}

function measuredAt(samples: readonly { readonly measuredAt: UtcInstant }[]): UtcInstant[] {
  return samples.map((sample) => sample.measuredAt);
}

function knownAt(dispatches: readonly MeasuredDispatch[]): UtcInstant[] {
  return dispatches.flatMap(({ dueAt, publishedAt }) => [dueAt, publishedAt]);
}

function withoutValues(message: DemoMessage): DemoMessage {
  return { ...message, fault: 'schema' };
}
