import { dispatchKey, dispatchMessage, type DispatchMessage } from '@quarterhour/contracts';
import { NO_ORGANISATION, insertDispatches, raiseKnownAt, type NewDispatch, type Trx } from '@quarterhour/db';
import { deliveryDayOf, isOnQuarterHour, marketZoneOfDeliveryArea } from '@quarterhour/domain';
import { contentHash, refuseInexactNumbers } from '../canonical.js';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { knownAtOf } from '../known-at.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import { textOf, understanding } from '../understanding.js';
import { decimalAt, fromDomain, instantAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream, type Verdict } from '../stream.js';

/** What a dispatch command says, ready to be kept; when it became known is added by the transaction. */
export type DispatchFact = Omit<NewDispatch, 'receivedAt'>;

/** Dispatch commands of the optimiser: natural key `event_id`, append-only, each with a receipt. */
export const dispatchStream: Stream<DispatchFact> = {
  name: 'dispatch',
  limits: PRECIOUS,
  ownerOf: ({ routingKey }, register) => register.asset(assetNamedBy(routingKey))?.orgId ?? null,
  receive,
  partitionDays: () => [],
  prepare: (batch) => ({ store: (trx) => store(trx, batch) }),
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<DispatchFact> {
  return understanding(delivery, (claims) => {
    const asset = ctx.register.asset(assetNamedBy(delivery.routingKey));
    claims.orgId = asset?.orgId ?? NO_ORGANISATION;
    const { value, longestNumber } = decode(delivery, PRECIOUS.bodyBytes);
    claims.messageId = textOf(value['event_id']);
    const message = shaped(dispatchMessage, value);
    refuseInexactNumbers(longestNumber);
    refuseOtherKey(delivery.routingKey, message.asset_id);
    const terms = termsOf(message);
    if (asset === undefined) {
      const detail = `no asset ${message.asset_id} is registered`;
      throw new FaultError('unknown_asset', 'asset_id', detail, `asset ${message.asset_id}`);
    }
    const zone = marketZoneOfDeliveryArea(asset.deliveryArea);
    return {
      ...terms,
      orgId: asset.orgId,
      deliveryDay: fromDomain('implausible', 'delivery_period_start', () =>
        deliveryDayOf(terms.deliveryPeriodStart, zone),
      ),
      contentSha256: contentHash(value),
      messageId: terms.eventId,
      body: delivery.body,
    };
  });
}

/** Whose a command is follows from the transport, never from the body. */
function assetNamedBy(routingKey: string): string {
  return routingKey.replace(/^dispatch\./, '');
}

function refuseOtherKey(routingKey: string, assetId: string): void {
  if (routingKey !== dispatchKey(assetId)) {
    throw new FaultError('schema', 'asset_id', 'the asset is not the one that the routing key names');
  }
}

function termsOf(message: DispatchMessage) {
  const deliveryPeriodStart = instantAt(message.delivery_period_start, 'delivery_period_start');
  if (!isOnQuarterHour(deliveryPeriodStart)) {
    throw new FaultError('implausible', 'delivery_period_start', 'a delivery period starts at :00, :15, :30 or :45');
  }
  return {
    eventId: message.event_id,
    assetId: message.asset_id,
    source: message.source,
    publishedAt: instantAt(message.published_at, 'published_at'),
    dispatchTime: instantAt(message.dispatch_time, 'dispatch_time'),
    deliveryPeriodStart,
    targetPowerMw: decimalAt(message.target_power.amount, 'target_power.amount'),
    nominalPowerMw: optionalAmount(message.nominal_power, 'nominal_power'),
    powerImbalanceMw: optionalAmount(message.power_imbalance, 'power_imbalance'),
    socImbalanceMwh: optionalAmount(message.soc_imbalance, 'soc_imbalance'),
  };
}

function optionalAmount(quantity: { amount: string | number } | null | undefined, path: string): string | null {
  return quantity ? decimalAt(quantity.amount, `${path}.amount`) : null;
}

async function store(trx: Trx, batch: readonly Understood<DispatchFact>[]): Promise<readonly Verdict[]> {
  const knownAt = await raiseKnownAt(trx, [...new Set(batch.map(({ orgId }) => orgId))]);
  return insertDispatches(
    trx,
    batch.map(({ fact, orgId }) => ({ ...fact, receivedAt: knownAtOf(knownAt, orgId) })),
  );
}
