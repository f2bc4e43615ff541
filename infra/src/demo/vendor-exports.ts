import { EXCHANGES } from '@quarterhour/contracts';
import { parseInstant } from '@quarterhour/domain';
import { z } from 'zod';
import { SUNGROW_DAY, VENDOR_EXPORTS, readDataFile, readRows } from './data-files.js';
import { demoId, realtimeKey, type DemoMessage, type MeasuredSample } from './messages.js';

const NOT_MEASURED = '--';
/** The export says local time; on that day in Germany, two hours ahead of UTC. */
const OFFSET = '+02:00';

const row = z.object({
  Zeit: z.string(),
  'PV-Ertrag(W)': z.string(),
  'Netz(W)': z.string(),
  'Batterie(W)': z.string(),
  'Gesamtverbrauch(W)': z.string(),
});

export const SUNGROW_SOURCE = 'Sungrow portal export, by way of solectrus/csv-importer';

/** A whole file as the body, as from a partner who wired the export to the queue. */
export function rawExports(plantId: string): DemoMessage[] {
  return VENDOR_EXPORTS.map((file) => ({
    stream: 'plant-telemetry',
    exchange: EXCHANGES.vcp,
    routingKey: realtimeKey(plantId),
    messageId: demoId('vendor exports', 0, file),
    contentType: 'text/csv; charset=utf-8',
    body: readDataFile(file),
    fault: 'syntax',
  }));
}

/** The rows that hold `--` where nothing was measured yet, put into a payload as they stand. */
export function samplesWithoutValues(): MeasuredSample[] {
  return readRows(SUNGROW_DAY, row)
    .filter((sample) => sample['Netz(W)'] === NOT_MEASURED)
    .map((sample) => ({
      measuredAt: parseInstant(`${sample.Zeit.replace(' ', 'T')}${OFFSET}`),
      payload: {
        gridPowerKw: sample['Netz(W)'],
        fvePowerKw: sample['PV-Ertrag(W)'],
        batteryPowerKw: sample['Batterie(W)'],
        consumptionPowerKw: sample['Gesamtverbrauch(W)'],
        dataQuality: 'GOOD',
      },
    }));
}
