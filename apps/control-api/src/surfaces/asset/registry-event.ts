import {
  assetEventKey,
  EXCHANGES,
  VHOST,
  type AssetEventChange,
  type AssetEventMessage,
  type AssetOutput,
} from '@quarterhour/contracts';
import { enqueueOutgoing } from '@quarterhour/db';
import { v7 as uuidv7 } from 'uuid';
import type { Writing } from './writing.js';

const SOURCE = 'control-api';

/** Tells whoever follows the register, once the write is committed. What happens to one asset is told in its order. */
export function announceAsset({ trx, orgId, stamp, by }: Writing, change: AssetEventChange, asset: AssetOutput): void {
  const message: AssetEventMessage = {
    event_id: uuidv7(),
    organisation_id: orgId,
    occurred_at: stamp,
    source: SOURCE,
    actor: by,
    change,
    asset,
  };
  enqueueOutgoing(trx, [
    {
      orgId,
      vhost: VHOST,
      exchange: EXCHANGES.fleet,
      routingKey: assetEventKey(change),
      orderKey: `asset ${asset.id}`,
      messageId: message.event_id,
      body: Buffer.from(JSON.stringify(message)),
    },
  ]);
}
