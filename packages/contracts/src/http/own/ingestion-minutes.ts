import { z } from 'zod';
import { OUTCOMES, STREAMS } from '../../streams.js';
import { instantOutput } from '../outputs.js';
import { MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { exportLimit, queryCursor, queryInstant, queryInteger } from '../query.js';

/** Longest span of one query, in days. */
export const MAX_INGESTION_DAYS = 31;

/** Query of `GET /quarterhour/v1/ingestion/minutes`: minutes that begin in `[from, to)`, at most 31 days. */
export const listIngestionMinutesQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
    .default(MAX_PAGE_LIMIT)
    .meta({ description: 'Most rows of this page.' }),
  from: queryInstant.meta({ description: 'Start of the span, included.' }),
  to: queryInstant.meta({
    description: `End of the span, not included; at most ${MAX_INGESTION_DAYS} days after from.`,
  }),
  stream: z.enum(STREAMS).optional().meta({ description: 'Only this stream.' }),
  cursor: queryCursor.optional(),
});
export type ListIngestionMinutesQuery = z.output<typeof listIngestionMinutesQuery>;

/** The same for an export. */
export const exportIngestionMinutesQuery = listIngestionMinutesQuery.extend({
  limit: exportLimit(pageLimitText(MAX_PAGE_LIMIT)),
});
export type ExportIngestionMinutesQuery = z.output<typeof exportIngestionMinutesQuery>;

/** How many deliveries of one stream ended in one way, in the minute in which their batch was stored. */
export const ingestionMinute = z
  .strictObject({
    minute: instantOutput.meta({ description: 'Start of the minute, UTC.' }),
    stream: z.enum(STREAMS),
    outcome: z.enum(OUTCOMES),
    redelivered: z.boolean().meta({ description: 'The broker had offered it before.' }),
    n: z.int().min(1).meta({ description: 'Deliveries.' }),
  })
  .meta({ id: 'IngestionMinute', description: 'Deliveries of one minute that ended in one way.' });
export type IngestionMinute = z.infer<typeof ingestionMinute>;

/** One page of counts. Over all pages every delivery of the span is counted once: the settled ones are the sum of `n`. */
export const listIngestionMinutesResponse = z
  .strictObject({
    minutes: z.array(ingestionMinute).max(MAX_PAGE_LIMIT),
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  })
  .meta({ id: 'IngestionMinutes', description: 'What became of the deliveries of a span, by minute.' });
export type ListIngestionMinutesResponse = z.infer<typeof listIngestionMinutesResponse>;
