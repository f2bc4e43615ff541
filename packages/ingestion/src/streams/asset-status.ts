import { assetStatusKey, assetStatusMessage, type AssetStatusMessage } from '@quarterhour/contracts';
import { insertAssetStatuses, NO_ORGANISATION, raiseKnownAt, type NewAssetStatus, type Trx } from '@quarterhour/db';
import { epochSeconds } from '@quarterhour/domain';
import { contentHash, refuseInexactNumbers } from '../canonical.js';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { knownAtOf } from '../known-at.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import { instantAt, jsonTextAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream, type Verdict } from '../stream.js';
import { textOf, understanding } from '../understanding.js';
import { FUTURE_TOLERANCE_SECONDS } from './plant-telemetry.js';

/** How an asset is from an instant on, ready to be kept. */
export type AssetStatusFact = NewAssetStatus;

/** Operational status of assets: natural key asset and `effective_at`, corrected by a later message, each with a receipt. */
export const assetStatusStream: Stream<AssetStatusFact> = {
  name: 'asset-status',
  limits: PRECIOUS,
  ownerOf: ({ routingKey }, register) => register.asset(assetNamedBy(routingKey))?.orgId ?? null,
  receive,
  partitionDays: () => [],
  prepare: (batch) => ({ store: (trx) => store(trx, batch) }),
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<AssetStatusFact> {
  return understanding(delivery, (claims) => {
    const asset = ctx.register.asset(assetNamedBy(delivery.routingKey));
    claims.orgId = asset?.orgId ?? NO_ORGANISATION;
    const { value, longestNumber } = decode(delivery, PRECIOUS.bodyBytes);
    claims.messageId = textOf(value['event_id']);
    const message = shaped(assetStatusMessage, value);
    refuseInexactNumbers(longestNumber);
    refuseOtherKey(delivery.routingKey, message.asset_id);
    const effectiveAt = instantAt(message.effective_at, 'effective_at');
    const publishedAt = instantAt(message.published_at, 'published_at');
    const reasons = reasonsText(message);
    if (asset === undefined) {
      const detail = `no asset ${message.asset_id} is registered`;
      throw new FaultError('unknown_asset', 'asset_id', detail, `asset ${message.asset_id}`);
    }
    // Not before the asset is known: a parked one is judged when it is taken in.
    if (epochSeconds(effectiveAt) - ctx.nowMillis / 1_000 > FUTURE_TOLERANCE_SECONDS) {
      throw new FaultError('implausible', 'effective_at', 'more than 5 minutes ahead of our clock');
    }
    return {
      orgId: asset.orgId,
      assetId: message.asset_id,
      effectiveAt,
      status: message.status,
      reasons,
      messageId: message.event_id,
      publishedAt,
      arrivedAt: delivery.firstSeen ?? null,
      contentSha256: contentHash(value).toString('hex'),
      body: delivery.body,
    };
  });
}

/** Whose a status is follows from the transport, never from the body. */
function assetNamedBy(routingKey: string): string {
  return routingKey.replace(/^status\./, '');
}

function refuseOtherKey(routingKey: string, assetId: string): void {
  if (routingKey !== assetStatusKey(assetId)) {
    throw new FaultError('schema', 'asset_id', 'the asset is not the one that the routing key names');
  }
}

/** As they are answered: every member is there. */
function reasonsText({ reasons }: AssetStatusMessage): string {
  const whole = (reasons ?? []).map(({ category, detail, source, attributes }) => {
    return { category, detail: detail ?? null, source: source ?? null, attributes: attributes ?? {} };
  });
  return jsonTextAt(whole, 'reasons');
}

async function store(trx: Trx, batch: readonly Understood<AssetStatusFact>[]): Promise<readonly Verdict[]> {
  const owners = [...new Set(batch.map(({ orgId }) => orgId))].sort();
  const knownAt = await raiseKnownAt(trx, owners);
  const verdicts: Verdict[] = batch.map(() => 'duplicate');
  for (const owner of owners) {
    const own = [...batch.entries()].filter(([, { orgId }]) => orgId === owner);
    const facts = own.map(([, { fact }]) => fact);
    const ofOwner = await insertAssetStatuses(trx, facts, knownAtOf(knownAt, owner));
    for (const [index, [position]] of own.entries()) verdicts[position] = ofOwner[index] ?? 'duplicate';
  }
  return verdicts;
}
