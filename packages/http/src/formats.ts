import type { Request } from 'express';
import { RequestRefused } from './refusal.js';

/** How an answer leaves: as one JSON text, or streamed as lines. */
export type Format = keyof typeof MEDIA_TYPES;

/** Formats of a list that is streamed. */
export type ExportFormat = Exclude<Format, 'json'>;

export const MEDIA_TYPES = {
  json: 'application/json',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
} as const;

const FORMATS = ['json', 'csv', 'ndjson'] as const satisfies readonly Format[];

/**
 * The format that a request prefers by its Accept header; JSON where it has no preference.
 *
 * @param hasExports whether there is anything but JSON
 * @throws RequestRefused `not-acceptable`
 */
export function formatFor(req: Request, hasExports: boolean): Format {
  const offered = hasExports ? FORMATS : (['json'] as const);
  const accepted = req.accepts(offered.map((format) => MEDIA_TYPES[format]));
  const format = offered.find((one) => MEDIA_TYPES[one] === accepted);
  if (format === undefined) throw new RequestRefused({ kind: 'not-acceptable' });
  return format;
}
