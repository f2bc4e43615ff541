import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';

const FOLDER = new URL('../../demo/data/', import.meta.url);

/** Where the measured data lies; the same place for the sources and for what is compiled from them. */
export const DATA_FOLDER = fileURLToPath(FOLDER);

/** Exports of inverter portals. Only the Sungrow day is also read row by row. */
export const SUNGROW_DAY = 'vendor_exports/sungrow_Tagesbericht_20230621.csv';
export const VENDOR_EXPORTS = [
  SUNGROW_DAY,
  'vendor_exports/sungrow_with-bom.csv',
  'vendor_exports/senec_crcrlf.csv',
  'vendor_exports/senec_week-12-2022.csv',
  'vendor_exports/senec_week-32-2022-kwh.csv',
  'vendor_exports/solaredge_daily.csv',
];

/** The bytes of a data file. */
export function readDataFile(file: string): Buffer {
  return readFileSync(new URL(file, FOLDER));
}

/** The rows of a comma-separated data file, every cell as the text that stands there. */
export function readRows<S extends z.ZodType>(file: string, row: S): z.output<S>[] {
  return z.array(row).parse(parse(readDataFile(file), { columns: true }));
}
