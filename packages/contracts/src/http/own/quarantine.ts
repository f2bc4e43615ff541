import { z } from 'zod';
import { uuidText } from '../../scalars.js';
import { OUTCOMES, REASON_NAMES, STREAMS } from '../../streams.js';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { exportLimit, queryCursor, queryInstant, queryInteger, queryMessageId } from '../query.js';

/**
 * Where a quarantined delivery stands: `open` waits for somebody or something, `replayed` was taken in after all,
 * `discarded` was put aside for good.
 */
export const QUARANTINE_STATES = ['open', 'replayed', 'discarded'] as const;
export type QuarantineState = (typeof QUARANTINE_STATES)[number];

/** How a delivery can end that is taken in after all: every outcome but the one that it came from. */
export const REPLAYED_AS = z.enum(OUTCOMES).exclude(['quarantined']).options;

/** Query of `GET /quarterhour/v1/quarantine`: all filters narrow, `[from, to)` bounds when it was first seen. */
export const listQuarantineQuery = z.strictObject({
  limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
    .default(DEFAULT_PAGE_LIMIT)
    .meta({ description: 'Most rows of this page.' }),
  reason: z.enum(REASON_NAMES).optional().meta({ description: 'Only this reason.' }),
  stream: z.enum(STREAMS).optional().meta({ description: 'Only this stream.' }),
  state: z.enum(QUARANTINE_STATES).optional().meta({ description: 'Only this state.' }),
  message_id: queryMessageId.optional().meta({ description: 'Only what came under this id.' }),
  waits_for: z
    .string()
    .min(1)
    .max(400)
    .optional()
    .meta({ description: 'Only what waits for this, written as the deliveries say it.' }),
  from: queryInstant.optional().meta({ description: 'First seen then or later.' }),
  to: queryInstant.optional().meta({ description: 'First seen before then.' }),
  cursor: queryCursor.optional(),
});
export type ListQuarantineQuery = z.output<typeof listQuarantineQuery>;

/** The same for an export. */
export const exportQuarantineQuery = listQuarantineQuery.extend({
  limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)),
});
export type ExportQuarantineQuery = z.output<typeof exportQuarantineQuery>;

/** The last time that a delivery was tried again and stayed where it was. */
export const failedAttempt = z
  .strictObject({
    at: instantOutput,
    reason: z.enum(REASON_NAMES),
    path: z.string().nullable(),
    detail: z.string(),
  })
  .meta({ id: 'FailedAttempt', description: 'What stood in the way the last time.' });

/** One delivery that was set aside, without its body. The same bytes under the same key and reason are kept once. */
export const quarantineItem = z
  .strictObject({
    id: uuidOutput,
    organisation_id: uuidOutput.nullable().meta({ format: 'uuid', description: 'Null when the owner is unknown.' }),
    stream: z.enum(STREAMS),
    state: z.enum(QUARANTINE_STATES),
    reason: z.enum(REASON_NAMES),
    path: z.string().nullable().meta({ description: 'Where in the message the fault is.' }),
    detail: z.string().meta({ description: 'What was wrong, for people.' }),
    replayable: z.boolean().meta({ description: 'The same bytes may be taken in later.' }),
    routing_key: z.string(),
    message_id: z.string().nullable(),
    body_bytes: z.int().min(0),
    body_dropped: z.boolean().meta({ description: "The day's quota was used up: only what was found out is kept." }),
    waits_for: z
      .string()
      .nullable()
      .meta({ description: 'What has to be registered; when it is, the delivery is taken in by itself.' }),
    first_seen: instantOutput,
    last_seen: instantOutput,
    copies: z.int().min(1).meta({ description: 'How often it arrived.' }),
    attempts: z.int().min(0).meta({ description: 'How often it was tried again.' }),
    last_attempt: failedAttempt
      .nullable()
      .meta({ description: 'Null before the first attempt, and when it succeeded.' }),
    replayed_as: z.enum(REPLAYED_AS).nullable().meta({ description: 'How it ended when it was replayed.' }),
    decided_at: instantOutput
      .nullable()
      .meta({ format: 'date-time', description: 'When it was replayed or discarded.' }),
    decided_by: z.string().nullable().meta({ description: 'Who decided that: a person, a program or the worker.' }),
    decision_note: z.string().nullable().meta({ description: 'Why it was discarded.' }),
  })
  .meta({ id: 'QuarantineItem', description: 'A delivery that was set aside, and why.' });
export type QuarantineItem = z.infer<typeof quarantineItem>;

/** One page of quarantine, newest first. */
export const listQuarantineResponse = z
  .strictObject({
    quarantine: z.array(quarantineItem).max(MAX_PAGE_LIMIT),
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  })
  .meta({ id: 'QuarantineList', description: 'One page of deliveries that were set aside, newest first.' });
export type ListQuarantineResponse = z.infer<typeof listQuarantineResponse>;

/** Path of one quarantined delivery. */
export const quarantinePath = z.strictObject({
  id: uuidText.meta({ format: 'uuid', description: 'Id of the quarantined delivery.' }),
});

/** The bytes as they arrived: as text where they are UTF-8 without control characters, else in base64. */
export const rawBody = z
  .discriminatedUnion('encoding', [
    z.strictObject({ encoding: z.literal('text'), text: z.string() }),
    z.strictObject({ encoding: z.literal('base64'), base64: z.base64() }),
  ])
  .meta({ id: 'RawBody', description: 'The message as it arrived.' });
export type RawBody = z.infer<typeof rawBody>;

/** One delivery that was set aside, whole. */
export const quarantineDetail = z
  .strictObject({
    ...quarantineItem.shape,
    queue: z.string(),
    exchange: z.string(),
    properties: z.record(z.string(), z.unknown()).meta({ description: 'Message properties and headers.' }),
    body: rawBody,
    body_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    worker: z.string().meta({ description: 'Which process set it aside.' }),
  })
  .meta({ id: 'QuarantineDetail', description: 'A delivery that was set aside, with its bytes.' });
export type QuarantineDetail = z.infer<typeof quarantineDetail>;
