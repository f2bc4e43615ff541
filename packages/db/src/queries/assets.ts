import type { DeliveryArea, Region } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** What has to be known about an asset by whoever writes something about it. */
export interface KnownAsset {
  readonly id: string;
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
}

const KNOWN = `
  select id, region, delivery_area as "deliveryArea" from app.asset
   where org_id = $1::uuid and id = any ($2::text[])`;

/** Those of some assets that an organisation has, by id. */
export async function findKnownAssets(
  trx: Trx,
  orgId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownAsset>> {
  const found = await trx.query<KnownAsset>(prepared(KNOWN, [orgId, textArray([...new Set(ids)])]));
  return new Map(found.map((asset) => [asset.id, asset]));
}
