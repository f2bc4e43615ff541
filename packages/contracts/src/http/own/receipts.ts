import { z } from 'zod';
import { uuidText } from '../../scalars.js';
import { OUTCOMES, REASON_NAMES, STREAMS } from '../../streams.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, pageLimitText } from '../paging.js';
import { exportLimit, queryCursor, queryInstant, queryInteger, queryMessageId } from '../query.js';
import { QUARANTINE_STATES, REPLAYED_AS } from './quarantine.js';

const receiptFilters = {
  message_id: queryMessageId.optional().meta({
    description: 'What became of this message, unless it was telemetry that was stored. Excludes the other two.',
  }),
  plant_id: uuidText.optional().meta({ format: 'uuid', description: 'Our id of a plant. Goes with measured_at.' }),
  measured_at: queryInstant.optional().meta({
    description: "Instant of the sample, or of the registers' reading. Goes with plant_id.",
  }),
  cursor: queryCursor.optional(),
};

/**
 * Query of `GET /quarterhour/v1/ingestion/receipts`. Asks in one of two forms: `message_id` alone, or `plant_id` with
 * `measured_at`, because telemetry is found by plant and instant only.
 */
export const listReceiptsQuery = z
  .strictObject({
    limit: queryInteger({ min: 1, max: MAX_PAGE_LIMIT })
      .default(DEFAULT_PAGE_LIMIT)
      .meta({ description: 'Most receipts of this page.' }),
    ...receiptFilters,
  })
  .superRefine(requireOneForm, { when: () => true });
export type ListReceiptsQuery = z.output<typeof listReceiptsQuery>;

/** The same for an export. */
export const exportReceiptsQuery = z
  .strictObject({ limit: exportLimit(pageLimitText(DEFAULT_PAGE_LIMIT)), ...receiptFilters })
  .superRefine(requireOneForm, { when: () => true });
export type ExportReceiptsQuery = z.output<typeof exportReceiptsQuery>;

interface Forms {
  readonly message_id?: string | undefined;
  readonly plant_id?: string | undefined;
  readonly measured_at?: string | undefined;
}

const TELEMETRY_FORM = ['plant_id', 'measured_at'] as const;

function requireOneForm(query: Forms, ctx: z.RefinementCtx): void {
  const complain = (name: keyof Forms, type: string, message: string) =>
    ctx.addIssue({ code: 'custom', path: [name], message, params: { type } });
  const given = TELEMETRY_FORM.filter((name) => query[name] !== undefined);
  if (query.message_id !== undefined) {
    for (const name of given) complain(name, 'two_forms', 'Leave this out: message_id says already what to look for');
    return;
  }
  if (given.length === 0) complain('message_id', 'missing', 'Give message_id, or plant_id together with measured_at');
  if (given.length !== 1) return;
  for (const name of TELEMETRY_FORM) {
    if (query[name] === undefined) complain(name, 'missing', 'Telemetry is found by plant_id and measured_at together');
  }
}

/** What stands in quarantine of a message. */
export const receiptQuarantine = z
  .strictObject({
    id: uuidOutput,
    state: z.enum(QUARANTINE_STATES),
    reason: z.enum(REASON_NAMES),
    path: z.string().nullable().meta({ description: 'Where in the message the fault is.' }),
    detail: z.string(),
    replayed_as: z.enum(REPLAYED_AS).nullable().meta({ description: 'How it ended when it was replayed.' }),
  })
  .meta({ id: 'ReceiptQuarantine', description: 'Why a message was set aside, and where it stands.' });

/**
 * The samples or registers that a message brought: `rows` of them, `current_rows` of which no later message displaced.
 */
export const receiptTelemetry = z
  .strictObject({
    kind: z.enum(['realtime', 'meter']),
    plant_id: uuidOutput,
    measured_at: instantOutput,
    published_at: instantOutput,
    rows: z.int().min(1),
    current_rows: z.int().min(0),
  })
  .meta({ id: 'ReceiptTelemetry', description: 'What a telemetry message brought, and how much of it still stands.' });

/**
 * What is known about one message: what became of it when it first came, when it came first and last, and how often
 * (`copies` is null for telemetry, whose copies are counted by the minute only). `quarantine` and `telemetry` are null where
 * they do not apply; a command or an event that was stored has neither.
 */
export const receipt = z
  .strictObject({
    organisation_id: uuidOutput.nullable().meta({ format: 'uuid', description: 'Null when the owner is unknown.' }),
    stream: z.enum(STREAMS),
    message_id: z.string().nullable(),
    outcome: z.enum(OUTCOMES),
    first_received_at: instantOutput,
    last_received_at: instantOutput,
    copies: z.int().min(1).nullable(),
    quarantine: receiptQuarantine.nullable(),
    telemetry: receiptTelemetry.nullable(),
    rejection_reason: z.string().nullable().meta({
      description: 'Why a command or schedule was refused: a code, a colon and a sentence. Null for everything else.',
    }),
  })
  .meta({ id: 'Receipt', description: 'What became of one message.' });
export type Receipt = z.infer<typeof receipt>;

/** One page of receipts, oldest first. Empty when no such message is known. */
export const listReceiptsResponse = z
  .strictObject({
    receipts: z.array(receipt).max(MAX_PAGE_LIMIT),
    limit: z.int().min(1).max(MAX_PAGE_LIMIT),
  })
  .meta({ id: 'ReceiptList', description: 'What became of a message.' });
export type ListReceiptsResponse = z.infer<typeof listReceiptsResponse>;
