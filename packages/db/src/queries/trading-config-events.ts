import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import { insertOnce, type RowVerdict } from './insert-once.js';
import { insertReceipts, type Receivable } from './receipts.js';

/** A trading config event to be stored: what a partner said about a plant, or a control plane about a partner. */
export interface NewTradingConfigEvent extends Receivable {
  /** `partner` or `control-plane`. */
  readonly origin: string;
  /** A partner's subject (`constraints`, …) or a control plane's change (`enabled`, …). */
  readonly kind: string;
  /** The plant that it is about; null when it is about the organisation. */
  readonly plantId: string | null;
  readonly correlationId: string | null;
  readonly source: string;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly occurredAt: UtcInstant;
  /** A JSON object as text. */
  readonly payload: string;
  readonly routingKey: string;
}

/**
 * Stores trading config events and their receipts; the first of a message id stands.
 *
 * @param rows in the order of their arrival; keys may repeat
 * @returns a verdict per row, in the order of `rows`
 */
export async function insertTradingConfigEvents(
  trx: Trx,
  rows: readonly NewTradingConfigEvent[],
): Promise<RowVerdict[]> {
  const places = new Map(rows.map((row, place) => [row, place]));
  const verdicts = await insertOnce(rows, {
    keyOf: (row) => `${row.orgId} ${row.messageId}`,
    insert: (fresh) => insertFresh(trx, fresh, places),
    hasSameContent: (standing) => compareContent(trx, standing),
  });
  insertReceipts(trx, 'trading-config', rows, verdicts);
  return verdicts;
}

const INSERT = `
  with offered as (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
      $9::text[], $10::timestamptz[], $11::jsonb[], $12::text[], $13::bytea[], $14::timestamptz[], $15::int[])
    with ordinality as o (org_id, message_id, origin, kind, plant_id, correlation_id, source, actor, reason, occurred_at,
      payload, routing_key, content_sha256, received_at, place, n)
  ), stored as (
    insert into app.trading_config_event (org_id, message_id, origin, kind, plant_id, correlation_id, source, actor,
      reason, occurred_at, payload, routing_key, content_sha256, received_at, place)
    select org_id, message_id, origin, kind, plant_id, correlation_id, source, actor, reason, occurred_at, payload,
      routing_key, content_sha256, received_at, place
    from offered
    on conflict (org_id, message_id) do nothing
    returning org_id, message_id
  )
  select o.n::int - 1 as position
    from offered o
   where (o.org_id, o.message_id) not in (select org_id, message_id from stored)`;

async function insertFresh(
  trx: Trx,
  rows: readonly NewTradingConfigEvent[],
  places: ReadonlyMap<NewTradingConfigEvent, number>,
): Promise<number[]> {
  const lost = await trx.query<{ position: number }>(
    prepared(INSERT, [
      plainArray(rows.map((row) => row.orgId)),
      textArray(rows.map((row) => row.messageId)),
      textArray(rows.map((row) => row.origin)),
      textArray(rows.map((row) => row.kind)),
      plainArray(rows.map((row) => row.plantId)),
      textArray(rows.map((row) => row.correlationId)),
      textArray(rows.map((row) => row.source)),
      textArray(rows.map((row) => row.actor)),
      textArray(rows.map((row) => row.reason)),
      plainArray(rows.map((row) => row.occurredAt)),
      textArray(rows.map((row) => row.payload)),
      textArray(rows.map((row) => row.routingKey)),
      byteaArray(rows.map((row) => row.contentSha256)),
      plainArray(rows.map((row) => row.receivedAt)),
      plainArray(rows.map((row) => places.get(row) ?? 0)),
    ]),
  );
  return lost.map(({ position }) => position);
}

const COMPARE = `
  select o.n::int - 1 as position, e.content_sha256 = o.content_sha256 as same
  from unnest($1::uuid[], $2::text[], $3::bytea[]) with ordinality as o (org_id, message_id, content_sha256, n)
  join app.trading_config_event e on e.org_id = o.org_id and e.message_id = o.message_id`;

async function compareContent(trx: Trx, rows: readonly NewTradingConfigEvent[]): Promise<Map<number, boolean>> {
  const compared = await trx.query<{ position: number; same: boolean }>(
    prepared(COMPARE, [
      plainArray(rows.map((row) => row.orgId)),
      textArray(rows.map((row) => row.messageId)),
      byteaArray(rows.map((row) => row.contentSha256)),
    ]),
  );
  return new Map(compared.map(({ position, same }) => [position, same]));
}

/** Columns that a projection of trading config events may show. */
export type TradingConfigColumn =
  | 'org_id'
  | 'message_id'
  | 'correlation_id'
  | 'origin'
  | 'kind'
  | 'plant_id'
  | 'source'
  | 'actor'
  | 'reason'
  | 'occurred_at'
  | 'received_at'
  | 'routing_key'
  | 'payload';

/** Where a page of trading config events ended. */
export interface TradingConfigKey {
  readonly receivedAt: UtcInstant;
  readonly orgId: string;
  readonly place: number;
}

/** Which trading config events, and which page of them. */
export interface TradingConfigQuery {
  readonly kinds?: readonly string[];
  readonly origin?: string;
  readonly plantId?: string;
  readonly messageId?: string;
  /** Half-open span `[from, to)` of `received_at`. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** In the order in which they became known: oldest first, or newest first. */
  readonly order: 'asc' | 'desc';
  /** Starts after this row. */
  readonly after?: TradingConfigKey;
  /** Only what had been received at this instant. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
}

/** One page of trading config events in the order in which they became known, of every organisation in scope. */
export function listTradingConfigEvents(
  trx: Trx,
  query: TradingConfigQuery,
  projection: Projection<TradingConfigColumn>,
): Promise<Page<TradingConfigKey>> {
  return queryPage(trx, eventSource(query, projection));
}

/** All trading config events of a query, part by part. */
export function exportTradingConfigEvents(
  query: Omit<TradingConfigQuery, 'after' | 'limit'>,
  projection: Projection<TradingConfigColumn>,
  format: LineFormat,
): LinesReader<TradingConfigKey> {
  return (trx, after, limit) =>
    queryLines(trx, eventSource({ ...query, ...startingAfter(after), limit }, projection), format);
}

function eventSource(
  query: TradingConfigQuery,
  projection: Projection<TradingConfigColumn>,
): PageSource<TradingConfigKey, TradingConfigColumn> {
  const parameters = new StatementParameters();
  const most = `${parameters.bind(query.limit + 1)}::int8`;
  const where = ['e.org_id = o.org_id', ...conditions(query, parameters)].join(' and ');
  const direction = query.order;
  const rows = `
    select e.* from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select e.org_id, e.message_id, e.correlation_id, e.origin, e.kind, e.plant_id, e.source, e.actor, e.reason,
        e.occurred_at, e.received_at, e.routing_key, e.payload, e.place
      from app.trading_config_event e
      where ${where}
      order by e.received_at ${direction}, e.place ${direction}
      limit ${most}) e
    order by e.received_at ${direction}, e.org_id ${direction}, e.place ${direction}
    limit ${most}`;
  return { rows, parameters, projection, key: EVENT_KEY, limit: query.limit, isAgreed: true };
}

const EVENT_KEY: KeyColumns<TradingConfigKey> = {
  receivedAt: { column: 'received_at', as: 'instant' },
  orgId: { column: 'org_id', as: 'uuid' },
  place: { column: 'place', as: 'integer' },
};

function conditions(query: TradingConfigQuery, parameters: StatementParameters): string[] {
  const found: string[] = [];
  if (query.kinds !== undefined) found.push(`e.kind = any (${parameters.bind(textArray(query.kinds))}::text[])`);
  if (query.origin !== undefined) found.push(`e.origin = ${parameters.bind(query.origin)}`);
  if (query.plantId !== undefined) found.push(`e.plant_id = ${parameters.bind(query.plantId)}::uuid`);
  if (query.messageId !== undefined) found.push(`e.message_id = ${parameters.bind(query.messageId)}`);
  if (query.from !== undefined) found.push(`e.received_at >= ${parameters.bind(query.from)}::timestamptz`);
  if (query.to !== undefined) found.push(`e.received_at < ${parameters.bind(query.to)}::timestamptz`);
  if (query.knownAt !== undefined) found.push(`e.received_at <= ${parameters.bind(query.knownAt)}::timestamptz`);
  if (query.after !== undefined) found.push(...beyond(query.after, query.order, parameters));
  return found;
}

/** The first condition is what the index can seek; the second leaves out what stood on the page before. */
function beyond(
  after: TradingConfigKey,
  order: TradingConfigQuery['order'],
  parameters: StatementParameters,
): string[] {
  const comparison = order === 'asc' ? '>' : '<';
  const time = `${parameters.bind(after.receivedAt)}::timestamptz`;
  const organisation = `${parameters.bind(after.orgId)}::uuid`;
  const place = `${parameters.bind(after.place)}::int`;
  return [
    `e.received_at ${comparison}= ${time}`,
    `(e.received_at, e.org_id, e.place) ${comparison} (${time}, ${organisation}, ${place})`,
  ];
}
