import { assetOutput, type AssetOutput } from '@quarterhour/contracts';
import { json, type TextReply } from '../reply.js';

/** What both APIs know of an asset when they answer it. */
export interface PresentableAsset {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly type: string;
  readonly region: string;
  readonly deliveryArea: string;
  readonly lifecycle: string;
  readonly provider: string;
  readonly goLiveDate: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** An asset as the asset API shows it. */
export function presentAsset(asset: PresentableAsset): AssetOutput {
  return assetOutput.parse({
    id: asset.id,
    code: asset.code,
    name: asset.name,
    type: asset.type,
    region: asset.region,
    delivery_area: asset.deliveryArea,
    lifecycle: asset.lifecycle,
    provider: asset.provider,
    go_live_date: asset.goLiveDate,
    created_at: asset.createdAt,
    updated_at: asset.updatedAt,
  });
}

/** The answer of `GET /assets/{asset_id}`: its text is what `If-Match` is about. */
export function assetReply(asset: PresentableAsset): TextReply {
  return json(presentAsset(asset));
}
