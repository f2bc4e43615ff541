import { z } from 'zod';
import { uuidText } from '../../scalars.js';
import { assetDispatch } from '../asset/dispatches.js';
import { instantOutput, uuidOutput } from '../outputs.js';
import { OUTCOMES } from '../../streams.js';

/** Path of one dispatch. */
export const dispatchPath = z.strictObject({
  event_id: uuidText.meta({ format: 'uuid', description: 'Id of the command.' }),
});

/** One distinct message that carried a dispatch, and how often it came. */
export const dispatchReceipt = z
  .strictObject({
    message_id: z.string().meta({ description: 'As the publisher named the message.' }),
    outcome: z.enum(OUTCOMES),
    first_received_at: instantOutput,
    last_received_at: instantOutput,
    copies: z.int().min(1),
  })
  .meta({ id: 'DispatchReceipt', description: 'A message that carried the command.' });
export type DispatchReceipt = z.infer<typeof dispatchReceipt>;

/**
 * One dispatch with what became of it: the facts as the asset API answers them, when we stored it, its outcome, and how
 * many copies arrived (1 or more; copies beyond the first changed nothing), message by message.
 */
export const ownDispatch = z
  .strictObject({
    ...assetDispatch.shape,
    organisation_id: uuidOutput,
    delivery_day: z.iso.date().meta({ description: 'Market-local date of delivery_period_start.' }),
    received_at: instantOutput.meta({ description: 'When it was stored.' }),
    outcome: z.enum(OUTCOMES).meta({ description: 'What became of the first copy.' }),
    copies: z.int().min(1).meta({ description: 'How often the command arrived.' }),
    receipts: z.array(dispatchReceipt),
  })
  .meta({ id: 'DispatchDetail', description: 'A dispatch command and what became of it.' });
export type OwnDispatch = z.infer<typeof ownDispatch>;
