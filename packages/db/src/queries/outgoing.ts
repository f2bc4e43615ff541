import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** A message to be published once the transaction that decided it is committed. */
export interface OutgoingRow {
  readonly orgId: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** Messages of one order are published one after the other. */
  readonly orderKey: string;
  readonly messageId: string;
  readonly body: Buffer;
}

const INSERT = `
  insert into app.outbox (org_id, vhost, exchange, routing_key, order_key, message_id, body, created_at, next_try_at)
  select $1::uuid, $2, $3, $4, $5, $6, $7::bytea, clock.now, clock.now from (select clock_timestamp() as now) clock`;

/** Puts a message into the outbox, from which the worker relays it. */
export async function enqueueOutgoing(trx: Trx, row: OutgoingRow): Promise<void> {
  const { orgId, vhost, exchange, routingKey, orderKey, messageId, body } = row;
  await trx.query(prepared(INSERT, [orgId, vhost, exchange, routingKey, orderKey, messageId, body]));
}
