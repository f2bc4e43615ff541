import { z } from 'zod';
import { assetStatus, statusReasonCategory } from '../http/asset/enums.js';
import { assetIdText, instantText, plainText, uuidText } from '../scalars.js';

/** Most reasons of one status. */
export const MAX_STATUS_REASONS = 20;

/**
 * How an asset is from an instant on, as whoever watches it publishes it: exchange `fleet`, routing key `status.{asset_id}`.
 *
 * Asset and `effective_at` are the key: another message with the same key and other content corrects the first, the one that
 * was published later stands. Members that are not listed are kept with the raw message and have no effect.
 */
export const assetStatusMessage = z
  .object({
    source: plainText(200),
    event_id: uuidText,
    published_at: instantText,
    asset_id: assetIdText,
    status: assetStatus,
    effective_at: instantText,
    reasons: z
      .array(
        z.object({
          category: statusReasonCategory,
          detail: plainText(1_000).nullish(),
          source: plainText(200).nullish(),
          attributes: z.record(z.string(), z.unknown()).nullish(),
        }),
      )
      .max(MAX_STATUS_REASONS)
      .nullish(),
  })
  .meta({ id: 'AssetStatusMessage', title: 'Status of an asset' });
export type AssetStatusMessage = z.infer<typeof assetStatusMessage>;
