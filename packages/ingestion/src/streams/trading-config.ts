import {
  CONFIG_SUBJECTS,
  EXCHANGES,
  TRADING_CHANGES,
  VCP_CONFIG_PAYLOADS,
  tradingConfigMessage,
  vcpConfigPayload,
  vcpEnvelope,
  type TradingConfigKind,
  type TradingConfigMessage,
} from '@quarterhour/contracts';
import { insertTradingConfigEvents, raiseKnownAt, type NewTradingConfigEvent, type Trx } from '@quarterhour/db';
import { contentHash, refuseInexactNumbers } from '../canonical.js';
import { decode, type DecodedBody } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { knownAtOf } from '../known-at.js';
import { FaultError, type ReceiveContext, type Received, type Understood } from '../received.js';
import type { Register } from '../register.js';
import { ownerOf, plantOf, senderOf } from '../sender.js';
import { instantAt, jsonTextAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream, type Verdict } from '../stream.js';
import { textOf, understanding, type Claims } from '../understanding.js';

/** A trading config event, ready to be kept; when it became known is added by the transaction. */
export type TradingConfigFact = Omit<NewTradingConfigEvent, 'receivedAt'>;

/** What partners say about their plants and control planes about partners: natural key message id, append-only. */
export const tradingConfigStream: Stream<TradingConfigFact> = {
  name: 'trading-config',
  limits: PRECIOUS,
  ownerOf: (delivery, register) => (isOfControlPlane(delivery) ? null : ownerOf(delivery, 'config', register)),
  receive,
  partitionDays: () => [],
  prepare: (batch) => ({ store: (trx) => store(trx, batch) }),
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<TradingConfigFact> {
  return understanding(delivery, (claims) =>
    isOfControlPlane(delivery)
      ? changeOf(delivery, ctx.register, claims)
      : partnerConfigOf(delivery, ctx.register, claims),
  );
}

/** Control planes publish in our own virtual host: an exchange of that name in a partner's would be the partner's. */
function isOfControlPlane({ owner, exchange }: Delivery): boolean {
  return owner === undefined && exchange === EXCHANGES.trading;
}

/** Only control planes publish on `trading`, so the organisation is the one that they name. */
function changeOf(delivery: Delivery, register: Register, claims: Claims): TradingConfigFact {
  const kind = kindAmong(TRADING_CHANGES, /^trading\.config\.(.*)$/.exec(delivery.routingKey)?.[1]);
  const body = decode(delivery, PRECIOUS.bodyBytes);
  claims.messageId = textOf(body.value['event_id']);
  const message = shaped(tradingConfigMessage, body.value);
  const organisation = register.organisation(message.organisation_id);
  if (organisation === undefined) {
    const detail = 'no organisation has that id';
    throw new FaultError('unknown_organisation', 'organisation_id', detail, `organisation ${message.organisation_id}`);
  }
  claims.orgId = organisation.id;
  const plantId = message.plant_id ?? null;
  if (plantId !== null && register.plantOf(organisation.id, plantId) === undefined) {
    const detail = 'no plant of this organisation has that id';
    throw new FaultError('unknown_plant', 'plant_id', detail, `site ${organisation.id} ${plantId}`);
  }
  return {
    ...contentOf(delivery, body),
    orgId: organisation.id,
    messageId: message.event_id,
    origin: 'control-plane',
    kind,
    plantId,
    correlationId: null,
    source: message.source,
    actor: message.actor ?? null,
    reason: message.reason ?? null,
    occurredAt: instantAt(message.occurred_at, 'occurred_at'),
    payload: changeText(message),
  };
}

function changeText({ queue_prefix: prefix, details }: TradingConfigMessage): string {
  if (details) jsonTextAt(details, 'details');
  return JSON.stringify({ ...(prefix ? { queue_prefix: prefix } : {}), ...(details ? { details } : {}) });
}

function partnerConfigOf(delivery: Delivery, register: Register, claims: Claims): TradingConfigFact {
  const sender = senderOf(delivery, 'config', register);
  claims.orgId = sender?.orgId ?? claims.orgId;
  const kind = kindAmong(CONFIG_SUBJECTS, sender?.kind);
  const body = decode(delivery, PRECIOUS.bodyBytes);
  claims.messageId = textOf(body.value['messageId']);
  const envelope = shaped(vcpEnvelope, body.value);
  const payload = shaped(vcpConfigPayload, envelope.payload, ['payload']);
  shaped(VCP_CONFIG_PAYLOADS[kind], payload, ['payload']);
  const content = contentOf(delivery, body);
  if (sender === null) throw new FaultError('schema', null, 'the routing key is not one of config');
  const plant = plantOf(sender, envelope.siteId, register);
  return {
    ...content,
    orgId: plant.orgId,
    messageId: envelope.messageId,
    origin: 'partner',
    kind,
    plantId: plant.id,
    correlationId: envelope.correlationId ?? null,
    source: envelope.source,
    actor: null,
    reason: null,
    occurredAt: instantAt(envelope.timestamp, 'timestamp'),
    payload: jsonTextAt(payload, 'payload'),
  };
}

function kindAmong<Kind extends TradingConfigKind>(kinds: readonly Kind[], word: string | undefined): Kind {
  const kind = kinds.find((known) => known === word);
  if (kind === undefined) throw new FaultError('schema', null, `the routing key names none of ${kinds.join(', ')}`);
  return kind;
}

function contentOf(delivery: Delivery, { value, longestNumber }: DecodedBody) {
  refuseInexactNumbers(longestNumber);
  return { contentSha256: contentHash(value), body: delivery.body, routingKey: delivery.routingKey };
}

async function store(trx: Trx, batch: readonly Understood<TradingConfigFact>[]): Promise<readonly Verdict[]> {
  const knownAt = await raiseKnownAt(trx, [...new Set(batch.map(({ orgId }) => orgId))]);
  return insertTradingConfigEvents(
    trx,
    batch.map(({ fact, orgId }) => ({ ...fact, receivedAt: knownAtOf(knownAt, orgId) })),
  );
}
