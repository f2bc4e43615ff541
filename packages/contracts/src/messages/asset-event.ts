import { z } from 'zod';
import { assetOutput } from '../http/asset/assets.js';
import { instantText, plainText, uuidText } from '../scalars.js';

/** What may happen to an asset in the register. */
export const ASSET_CHANGES = ['created', 'changed', 'deleted'] as const;
export type AssetEventChange = (typeof ASSET_CHANGES)[number];

/**
 * What happened to an asset in the register, as the control plane publishes it: exchange `fleet`, routing key
 * `asset.event.{created|changed|deleted}`. Those of one asset come in order; one may come twice, under the same `event_id`.
 *
 * `asset` is what it is from now on; of a deleted one, what it was.
 */
export const assetEventMessage = z
  .object({
    event_id: uuidText,
    organisation_id: uuidText,
    occurred_at: instantText,
    source: plainText(200),
    actor: plainText(200),
    change: z.enum(ASSET_CHANGES),
    asset: assetOutput,
  })
  .meta({ id: 'AssetEventMessage', title: 'Change of an asset in the register' });
export type AssetEventMessage = z.infer<typeof assetEventMessage>;
