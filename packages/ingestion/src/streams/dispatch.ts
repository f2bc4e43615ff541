import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { dispatchKey, dispatchMessage, type DispatchMessage } from '@quarterhour/contracts';
import { NO_ORGANISATION, insertDispatches, raiseKnownAt, type NewDispatch, type Trx } from '@quarterhour/db';
import { deliveryDayOf, isOnQuarterHour, marketZoneOfDeliveryArea, type UtcInstant } from '@quarterhour/domain';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import { textOf, understanding } from '../understanding.js';
import { decimalAt, fromDomain, instantAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream, type Verdict } from '../stream.js';

/** Most significant digits with which a JSON number literal is certain to mean what it says. */
const EXACT_NUMBER_DIGITS = 15;

/** What a dispatch command says, ready to be kept; when it became known is added by the transaction. */
export type DispatchFact = Omit<NewDispatch, 'receivedAt'>;

/** Dispatch commands of the optimiser: natural key `event_id`, append-only, each with a receipt. */
export const dispatchStream: Stream<DispatchFact> = {
  name: 'dispatch',
  limits: PRECIOUS,
  receive,
  partitionDays: () => [],
  store,
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
      throw new FaultError('unknown_asset', 'asset_id', `no asset ${message.asset_id} is registered`);
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

function refuseInexactNumbers(longestNumber: number): void {
  if (longestNumber > EXACT_NUMBER_DIGITS) {
    const detail = `a number of ${longestNumber} significant digits is not exact in JSON: send the amount as a string`;
    throw new FaultError('schema', null, detail);
  }
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

/**
 * Two copies are the same when this is: key order, white space and a signature do not matter.
 *
 * @throws FaultError for what has no canonical form: a number beyond a double, a lone surrogate
 */
function contentHash(value: Readonly<Record<string, unknown>>): Buffer {
  const { signature, ...content } = value;
  return hash('sha256', canonicalText(content), 'buffer');
}

function canonicalText(content: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalize(content) ?? '';
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FaultError('schema', null, `has no canonical form: ${why}`);
  }
}

async function store(trx: Trx, batch: readonly Understood<DispatchFact>[]): Promise<readonly Verdict[]> {
  const knownAt = await raiseKnownAt(trx, [...new Set(batch.map(({ orgId }) => orgId))]);
  return insertDispatches(
    trx,
    batch.map(({ fact, orgId }) => ({ ...fact, receivedAt: stampOf(knownAt, orgId) })),
  );
}

function stampOf(knownAt: ReadonlyMap<string, UtcInstant>, orgId: string): UtcInstant {
  const stamp = knownAt.get(orgId);
  if (stamp === undefined) throw new Error(`organisation ${orgId} has no head row`);
  return stamp;
}
