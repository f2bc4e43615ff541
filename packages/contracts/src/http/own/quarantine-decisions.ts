import { z } from 'zod';
import { plainText, uuidText } from '../../scalars.js';
import { REASON_NAMES } from '../../streams.js';
import { uuidOutput } from '../outputs.js';
import { QUARANTINE_STATES, REPLAYED_AS } from './quarantine.js';

/** Most deliveries of one decision. */
export const MAX_DECIDED = 1_000;

const dryRun = z.boolean().default(false).meta({ description: 'Say what would become of it, and change nothing.' });
const because = plainText(1_000).meta({ description: 'Why, for the record.' });
const ids = z
  .array(uuidText.meta({ format: 'uuid' }))
  .min(1)
  .max(MAX_DECIDED)
  .meta({ description: `Deliveries, at most ${MAX_DECIDED}; one that is named twice is decided once.` });

/** Body of `POST /quarterhour/v1/quarantine/{id}/replay`. */
export const replayQuarantinedBody = z
  .strictObject({ dry_run: dryRun })
  .meta({ id: 'ReplayRequest', description: 'How to take one delivery in after all.' });

/** Body of `POST /quarterhour/v1/quarantine/{id}/discard`. */
export const discardQuarantinedBody = z
  .strictObject({ because, dry_run: dryRun })
  .meta({ id: 'DiscardRequest', description: 'Why one delivery is put aside for good.' });

/** Body of `POST /quarterhour/v1/quarantine/replay`. */
export const replayQuarantineBody = z
  .strictObject({ ids, dry_run: dryRun })
  .meta({ id: 'BulkReplayRequest', description: 'Which deliveries to take in after all.' });

/** Body of `POST /quarterhour/v1/quarantine/discard`. */
export const discardQuarantineBody = z
  .strictObject({ ids, because, dry_run: dryRun })
  .meta({ id: 'BulkDiscardRequest', description: 'Which deliveries are put aside for good, and why.' });

const notOpen = z.strictObject({
  id: uuidOutput,
  result: z.literal('not_open'),
  state: z.enum(QUARANTINE_STATES).meta({ description: 'What was decided before.' }),
});

const notFound = z.strictObject({ id: uuidOutput, result: z.literal('not_found') });

const REPLAY_RESULTS = [
  z.strictObject({ id: uuidOutput, result: z.literal('replayed'), outcome: z.enum(REPLAYED_AS) }),
  z.strictObject({
    id: uuidOutput,
    result: z.literal('still_quarantined'),
    reason: z.enum(REASON_NAMES),
    path: z.string().nullable(),
    detail: z.string(),
  }),
  z.strictObject({ id: uuidOutput, result: z.literal('not_replayable'), detail: z.string() }),
  notOpen,
] as const;

/**
 * What became of a delivery that was tried again: taken in (`replayed`, with the outcome that it would have had), still at
 * fault (`still_quarantined`, stays open and says what stands in the way), of a reason that cannot end differently
 * (`not_replayable`), or decided before (`not_open`).
 */
export const replayResult = z
  .discriminatedUnion('result', REPLAY_RESULTS)
  .meta({ id: 'ReplayResult', description: 'What became of a delivery that was tried again.' });
export type ReplayResultOutput = z.infer<typeof replayResult>;

/** Results in the order in which the deliveries came; ids that are not in reach, or do not exist, follow as `not_found`. */
export const replayQuarantineResponse = z
  .strictObject({ results: z.array(z.discriminatedUnion('result', [...REPLAY_RESULTS, notFound])).max(MAX_DECIDED) })
  .meta({ id: 'BulkReplayResult', description: 'What became of deliveries that were tried again.' });
export type ReplayQuarantineResponse = z.infer<typeof replayQuarantineResponse>;

const DISCARD_RESULTS = [z.strictObject({ id: uuidOutput, result: z.literal('discarded') }), notOpen] as const;

/** What became of a delivery that was to be put aside for good. It stays readable. */
export const discardResult = z
  .discriminatedUnion('result', DISCARD_RESULTS)
  .meta({ id: 'DiscardResult', description: 'What became of a delivery that was to be put aside.' });
export type DiscardResultOutput = z.infer<typeof discardResult>;

/** Results in the order in which the deliveries came; ids that are not in reach, or do not exist, follow as `not_found`. */
export const discardQuarantineResponse = z
  .strictObject({ results: z.array(z.discriminatedUnion('result', [...DISCARD_RESULTS, notFound])).max(MAX_DECIDED) })
  .meta({ id: 'BulkDiscardResult', description: 'What became of deliveries that were to be put aside.' });
export type DiscardQuarantineResponse = z.infer<typeof discardQuarantineResponse>;
