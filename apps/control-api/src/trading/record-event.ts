import {
  EXCHANGES,
  QUEUES,
  tradingConfigKey,
  VHOST,
  type TradingChange,
  type TradingConfigMessage,
} from '@quarterhour/contracts';
import { enqueueOutgoing, type TradingConfigRecord, type Trx } from '@quarterhour/db';
import { Register, tradingConfigStream, type Delivery } from '@quarterhour/ingestion';
import type { Clock } from '@quarterhour/runtime';
import { v7 as uuidv7 } from 'uuid';

/** Something that was decided about an organisation's trading. */
export interface TradingEvent {
  readonly change: TradingChange;
  readonly actor: string;
  readonly reason: string | null;
  readonly details: Readonly<Record<string, string | number | boolean | null | string[]>>;
}

const SOURCE = 'control-api';

/**
 * Keeps an event in the transaction of what it tells of, and puts the same bytes into the outbox: when they come back from
 * the broker they are a copy. It is read and stored as any event of a control plane is.
 */
export async function recordTradingEvent(
  trx: Trx,
  clock: Clock,
  config: TradingConfigRecord,
  { change, actor, reason, details }: TradingEvent,
): Promise<void> {
  const { orgId } = config;
  const message: TradingConfigMessage = {
    event_id: uuidv7(),
    organisation_id: orgId,
    occurred_at: clock.nowInstantText(),
    source: SOURCE,
    actor,
    reason,
    queue_prefix: config.queuePrefix,
    details: { ...details },
  };
  const body = Buffer.from(JSON.stringify(message));
  const routingKey = tradingConfigKey(change);
  await store(trx, clock, config, deliveryOf(body, routingKey, message.event_id));
  const messageId = message.event_id;
  const orderKey = `trading ${orgId}`;
  enqueueOutgoing(trx, [{ orgId, vhost: VHOST, exchange: EXCHANGES.trading, routingKey, orderKey, messageId, body }]);
}

function deliveryOf(body: Buffer, routingKey: string, messageId: string): Delivery {
  return {
    body,
    exchange: EXCHANGES.trading,
    routingKey,
    queue: QUEUES.tradingConfig,
    redelivered: false,
    properties: { messageId, contentType: 'application/json', headers: {} },
  };
}

async function store(trx: Trx, clock: Clock, config: TradingConfigRecord, delivery: Delivery): Promise<void> {
  const received = tradingConfigStream.receive(delivery, {
    register: registerOf(config),
    nowMillis: clock.nowMillis(),
  });
  if (received.kind === 'refused') throw new Error(`our own event cannot be read: ${received.fault.detail}`);
  const [verdict] = await tradingConfigStream.prepare([received]).store(trx);
  if (verdict !== 'stored') throw new Error('our own event is not new');
}

/** The organisation is known to be there: it is locked. */
function registerOf({ orgId: id, slug, queuePrefix }: TradingConfigRecord): Register {
  const organisation = { id, slug, queuePrefix, marketZone: 'UTC' };
  return new Register({
    version: '',
    nowMillis: 0,
    organisations: [organisation],
    plants: [],
    assets: [],
    tradingStates: [],
    apiKeys: [],
  });
}
