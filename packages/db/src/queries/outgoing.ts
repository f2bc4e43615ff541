import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** A message to be published once the transaction that decided it is committed. */
export interface OutgoingRow {
  readonly orgId: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** Within its organisation, messages of one order are published one after the other. */
  readonly orderKey: string;
  readonly messageId: string;
  readonly body: Buffer;
}

const INSERT = `
  insert into app.outbox (org_id, vhost, exchange, routing_key, order_key, message_id, body, created_at, next_try_at)
  select o.org_id, o.vhost, o.exchange, o.routing_key, o.order_key, o.message_id, o.body, clock.now, clock.now
    from (select clock_timestamp() as now) clock,
      unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
        with ordinality as o (org_id, vhost, exchange, routing_key, order_key, message_id, body, n)
   order by o.n`;

/**
 * Puts messages into the outbox, from which the worker relays them: those of one order in this order. With whatever the
 * transaction does next.
 */
export function enqueueOutgoing(trx: Trx, rows: readonly OutgoingRow[]): void {
  if (rows.length === 0) return;
  trx.defer(
    prepared(INSERT, [
      plainArray(rows.map(({ orgId }) => orgId)),
      textArray(rows.map(({ vhost }) => vhost)),
      textArray(rows.map(({ exchange }) => exchange)),
      textArray(rows.map(({ routingKey }) => routingKey)),
      textArray(rows.map(({ orderKey }) => orderKey)),
      textArray(rows.map(({ messageId }) => messageId)),
      byteaArray(rows.map(({ body }) => body)),
    ]),
  );
}

const DROP = `
  with dropped as (delete from app.outbox where org_id = $1::uuid and vhost = any ($2::text[]) returning id)
  select count(*)::int as n from dropped`;

/**
 * Takes out of the outbox what can reach nobody any more, because the virtual hosts that it is for are gone or going.
 *
 * @returns how many messages that were
 */
export async function dropOutgoing(trx: Trx, orgId: string, vhosts: readonly string[]): Promise<number> {
  const [dropped] = await trx.query<{ n: number }>(prepared(DROP, [orgId, textArray(vhosts)]));
  return dropped?.n ?? 0;
}
