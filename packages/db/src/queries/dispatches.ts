import { epochMicros, type UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { LineFormat, Lines, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import type { RowVerdict } from './insert-once.js';
import { insertOnce } from './insert-once.js';
import { insertReceipts } from './receipts.js';

/** What a dispatch command says. Power is positive when the asset injects; decimals are canonical text. */
interface Dispatch {
  readonly orgId: string;
  readonly eventId: string;
  readonly assetId: string;
  readonly source: string;
  readonly publishedAt: UtcInstant;
  readonly dispatchTime: UtcInstant;
  readonly deliveryPeriodStart: UtcInstant;
  /** Market-local calendar day of `deliveryPeriodStart`, `YYYY-MM-DD`. */
  readonly deliveryDay: string;
  readonly targetPowerMw: string;
  readonly nominalPowerMw: string | null;
  readonly powerImbalanceMw: string | null;
  readonly socImbalanceMwh: string | null;
}

/** A dispatch command to be stored. */
export interface NewDispatch extends Dispatch {
  /** SHA-256 of the canonical content: what decides between duplicate and conflict. 32 bytes. */
  readonly contentSha256: Buffer;
  /** The publisher's id of the message, for the receipt. */
  readonly messageId: string;
  /** The message as it arrived, for the receipt. */
  readonly body: Buffer;
  /** The organisation's `known_at` of this transaction, from {@link raiseKnownAt}. */
  readonly receivedAt: UtcInstant;
}

/**
 * Stores dispatches and their receipts; the first of a key stands.
 *
 * @param rows in any order; keys may repeat
 * @returns a verdict per row, in the order of `rows`
 */
export async function insertDispatches(trx: Trx, rows: readonly NewDispatch[]): Promise<RowVerdict[]> {
  const verdicts = await insertOnce(rows, {
    keyOf: (row) => `${row.orgId} ${row.eventId}`,
    insert: (fresh) => insertFresh(trx, fresh),
    hasSameContent: (standing) => compareContent(trx, standing),
  });
  insertReceipts(trx, STREAM, rows, verdicts);
  return verdicts;
}

const INSERT = `
  with offered as (
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
      $7::timestamptz[], $8::date[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::bytea[],
      $14::timestamptz[])
    with ordinality as o (org_id, event_id, asset_id, source, published_at, dispatch_time, delivery_period_start,
      delivery_day, target_power_mw, nominal_power_mw, power_imbalance_mw, soc_imbalance_mwh, content_sha256,
      received_at, n)
  ), stored as (
    insert into app.dispatch (org_id, event_id, asset_id, source, published_at, dispatch_time, delivery_period_start,
      delivery_day, target_power_mw, nominal_power_mw, power_imbalance_mw, soc_imbalance_mwh, content_sha256,
      received_at)
    select org_id, event_id, asset_id, source, published_at, dispatch_time, delivery_period_start, delivery_day,
      target_power_mw, nominal_power_mw, power_imbalance_mw, soc_imbalance_mwh, content_sha256, received_at
    from offered
    on conflict (org_id, event_id) do nothing
    returning org_id, event_id
  )
  select o.n::int - 1 as position
    from offered o
   where (o.org_id, o.event_id) not in (select org_id, event_id from stored)`;

async function insertFresh(trx: Trx, rows: readonly NewDispatch[]): Promise<number[]> {
  const lost = await trx.query<{ position: number }>(
    prepared(INSERT, [
      plainArray(rows.map((row) => row.orgId)),
      plainArray(rows.map((row) => row.eventId)),
      textArray(rows.map((row) => row.assetId)),
      textArray(rows.map((row) => row.source)),
      plainArray(rows.map((row) => row.publishedAt)),
      plainArray(rows.map((row) => row.dispatchTime)),
      plainArray(rows.map((row) => row.deliveryPeriodStart)),
      plainArray(rows.map((row) => row.deliveryDay)),
      plainArray(rows.map((row) => row.targetPowerMw)),
      plainArray(rows.map((row) => row.nominalPowerMw)),
      plainArray(rows.map((row) => row.powerImbalanceMw)),
      plainArray(rows.map((row) => row.socImbalanceMwh)),
      byteaArray(rows.map((row) => row.contentSha256)),
      plainArray(rows.map((row) => row.receivedAt)),
    ]),
  );
  return lost.map(({ position }) => position);
}

const COMPARE = `
  select o.n::int - 1 as position, d.content_sha256 = o.content_sha256 as same
  from unnest($1::uuid[], $2::uuid[], $3::bytea[]) with ordinality as o (org_id, event_id, content_sha256, n)
  cross join lateral (
    select content_sha256 from app.dispatch d where d.org_id = o.org_id and d.event_id = o.event_id) d`;

async function compareContent(trx: Trx, rows: readonly NewDispatch[]): Promise<Map<number, boolean>> {
  const compared = await trx.query<{ position: number; same: boolean }>(
    prepared(COMPARE, [
      plainArray(rows.map((row) => row.orgId)),
      plainArray(rows.map((row) => row.eventId)),
      byteaArray(rows.map((row) => row.contentSha256)),
    ]),
  );
  return new Map(compared.map(({ position, same }) => [position, same]));
}

const STREAM = 'dispatch';

/** Columns that a projection of dispatches may show. */
export type DispatchColumn =
  | 'source'
  | 'event_id'
  | 'published_at'
  | 'asset_id'
  | 'dispatch_time'
  | 'delivery_period_start'
  | 'delivery_day'
  | 'target_power_mw'
  | 'nominal_power_mw'
  | 'power_imbalance_mw'
  | 'soc_imbalance_mwh'
  | 'received_at';

/** Where a page of dispatches ended: the sort key of its last row. */
export interface DispatchKey {
  readonly dispatchTime: UtcInstant;
  readonly eventId: string;
  readonly assetId: string;
}

/** Which dispatches, and which page of them. */
export interface DispatchQuery {
  /** Ids that nobody has contribute nothing. */
  readonly assetIds: readonly string[];
  /** Half-open span `[from, to)` of `dispatch_time`. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** Only dispatches whose delivery period starts on this day of their asset's market, `YYYY-MM-DD`. */
  readonly deliveryDay?: string;
  /** By dispatch time, then event id, then asset id. */
  readonly order: 'asc' | 'desc';
  /** Starts after this row. */
  readonly after?: DispatchKey;
  /** Only what had been received at this instant. */
  readonly knownAt?: UtcInstant;
  readonly limit: number;
  readonly offset: number;
}

/**
 * One page of dispatches, in one statement.
 *
 * Each asset contributes its own first rows straight from an index that holds the whole order; only those few are merged.
 */
export function listDispatches(
  trx: Trx,
  query: DispatchQuery,
  projection: Projection<DispatchColumn>,
): Promise<Page<DispatchKey>> {
  const parameters = new StatementParameters();
  const rows = dispatchRows(query, parameters);
  return queryPage(trx, { rows, parameters, projection, key: DISPATCH_KEY, limit: query.limit, isAgreed: true });
}

/**
 * All dispatches of a query, part by part, each in one statement.
 *
 * A page of many assets reads as many rows of each as it has itself. A part looks only so far ahead in time as a part's rows
 * are likely to lie, judging by the part before, so that hardly a row is read that it does not have. What is found first
 * after that is its last row.
 */
export function exportDispatches(
  query: Omit<DispatchQuery, 'after' | 'limit' | 'offset'>,
  projection: Projection<DispatchColumn>,
  format: LineFormat,
): LinesReader<DispatchKey> {
  let reachSeconds = FIRST_REACH_SECONDS;
  return async (trx, after, limit) => {
    const start = after?.dispatchTime ?? (query.order === 'asc' ? query.from : query.to);
    const parameters = new StatementParameters();
    const part = { ...query, ...startingAfter(after), limit };
    const rows = nextDispatchRows(part, { start, reachSeconds }, parameters);
    const source = { rows, parameters, projection, key: DISPATCH_KEY, limit, ...BEYOND };
    const lines = await queryLines(trx, source, format);
    reachSeconds = nextReach(reachSeconds, start, limit, lines);
    return lines;
  };
}

const DISPATCH_KEY: KeyColumns<DispatchKey> = {
  dispatchTime: { column: 'dispatch_time', as: 'instant' },
  eventId: { column: 'event_id', as: 'uuid' },
  assetId: { column: 'asset_id', as: 'text' },
};

function dispatchRows(query: DispatchQuery, parameters: StatementParameters): string {
  const reach = `${parameters.bind(query.offset + query.limit + 1)}::int8`;
  const offset = `${parameters.bind(query.offset)}::int8`;
  const rows = rowsOfAssets(query, dispatchConditions(query, parameters), reach, parameters);
  return `${rows} ${inOrder(query.order)} limit ${reach} offset ${offset}`;
}

const FIRST_REACH_SECONDS = 900;
const SHORTEST_REACH_SECONDS = 1;
const MOST_WIDENING = 16;
/** A part that is cut at its limit costs less than one that ends short of it. */
const MARGIN = 1.25;

/** Where a part begins, if that is known, and how far it looks. */
interface Reach {
  readonly start: UtcInstant | undefined;
  readonly reachSeconds: number;
}

/** The part may end at the first row beyond its reach; the second only shows that more follow. */
const BEYOND = { mayEndAt: 'place_beyond = 1', marker: 'place_beyond = 2' } as const;

/** The rows within reach, and the first two beyond. */
function nextDispatchRows(
  query: Omit<DispatchQuery, 'offset'>,
  { start, reachSeconds }: Reach,
  parameters: StatementParameters,
): string {
  const [sign, within, beyond] = query.order === 'asc' ? ['+', '<', '>='] : ['-', '>', '<='];
  const from = `${parameters.bind(start ?? (query.order === 'asc' ? '-infinity' : 'infinity'))}::timestamptz`;
  const end = `${from} ${sign} make_interval(secs => ${parameters.bind(reachSeconds)}::float8)`;
  const most = `${parameters.bind(query.limit + 1)}::int8`;
  const ofNear = [...dispatchConditions(query, parameters), `d.dispatch_time ${within} ${end}`];
  const ofFar = [...ownConditions(query, parameters), `d.dispatch_time ${beyond} ${end}`];
  const near = rowsOfAssets(query, ofNear, most, parameters);
  const far = rowsOfAssets(query, ofFar, '2', parameters);
  return `
    select d.* from (
      select near.*, 0 as place_beyond from (${near}) near
      union all
      select far.*, row_number() over (${inOrder(query.order, 'far')}) as place_beyond from (${far} ${inOrder(query.order)} limit 2) far) d
    ${inOrder(query.order)} limit ${most}`;
}

function nextReach(
  reachSeconds: number,
  start: UtcInstant | undefined,
  limit: number,
  part: Lines<DispatchKey>,
): number {
  if (start === undefined || part.lastKey === null) return reachSeconds;
  const covered = Math.abs(epochMicros(part.lastKey.dispatchTime) - epochMicros(start)) / MICROS_PER_SECOND;
  const wanted = (covered / part.size) * limit * MARGIN;
  return Math.min(reachSeconds * MOST_WIDENING, Math.max(SHORTEST_REACH_SECONDS, wanted));
}

const MICROS_PER_SECOND = 1_000_000;

/** Rows of each asset that fulfil the conditions, as many of each. Found by whose an asset is or was: dispatches outlive it. */
function rowsOfAssets(
  { assetIds, order }: Pick<DispatchQuery, 'assetIds' | 'order'>,
  conditions: readonly string[],
  mostOfEach: string,
  parameters: StatementParameters,
): string {
  const assets = parameters.bind(textArray([...new Set(assetIds)]));
  return `
    select d.* from unnest(${assets}::text[]) as wanted (asset_id)
    join app.asset_owner a on a.asset_id = wanted.asset_id
    cross join lateral (
      select d.source, d.event_id, d.published_at, d.asset_id, d.dispatch_time, d.delivery_period_start, d.delivery_day,
        d.target_power_mw, d.nominal_power_mw, d.power_imbalance_mw, d.soc_imbalance_mwh, d.received_at
      from app.dispatch d
      where d.org_id = a.org_id and d.asset_id = a.asset_id${conditions.map((condition) => ` and ${condition}`).join('')}
      order by d.dispatch_time ${order}, d.event_id ${order}
      limit ${mostOfEach}) d`;
}

function inOrder(order: DispatchQuery['order'], rows = 'd'): string {
  return `order by ${rows}.dispatch_time ${order}, ${rows}.event_id ${order}, ${rows}.asset_id ${order}`;
}

type Conditions = Omit<DispatchQuery, 'limit' | 'offset'>;

function dispatchConditions(query: Conditions, parameters: StatementParameters): string[] {
  const { after, order } = query;
  return [...ownConditions(query, parameters), ...(after === undefined ? [] : beyond(after, order, parameters))];
}

/**
 * What a row fulfils by itself. After a row, the end of the window that the list has left behind says nothing any more; the
 * index would seek to it instead.
 */
function ownConditions(
  { from, to, deliveryDay, knownAt, after, order }: Conditions,
  parameters: StatementParameters,
): string[] {
  const conditions: string[] = [];
  if (deliveryDay !== undefined) conditions.push(`d.delivery_day = ${parameters.bind(deliveryDay)}::date`);
  if (from !== undefined && (after === undefined || order === 'desc')) {
    conditions.push(`d.dispatch_time >= ${parameters.bind(from)}::timestamptz`);
  }
  if (to !== undefined && (after === undefined || order === 'asc')) {
    conditions.push(`d.dispatch_time < ${parameters.bind(to)}::timestamptz`);
  }
  if (knownAt !== undefined) conditions.push(`d.received_at <= ${parameters.bind(knownAt)}::timestamptz`);
  return conditions;
}

/**
 * The first condition is what the index can seek; the last leaves out rows of the same instant and event id. The one between
 * says nothing new: with the other end of the window it is a range, and the planner holds that for narrow. Otherwise it finds a
 * plan for any values too dear, and plans each page anew.
 */
function beyond(after: DispatchKey, order: DispatchQuery['order'], parameters: StatementParameters): string[] {
  const comparison = order === 'asc' ? '>' : '<';
  const time = `${parameters.bind(after.dispatchTime)}::timestamptz`;
  const event = `${parameters.bind(after.eventId)}::uuid`;
  const asset = `${parameters.bind(after.assetId)}::text`;
  return [
    `(d.dispatch_time, d.event_id) ${comparison}= (${time}, ${event})`,
    `d.dispatch_time ${comparison}= ${time}`,
    `(d.dispatch_time, d.event_id, d.asset_id) ${comparison} (${time}, ${event}, ${asset})`,
  ];
}

/** One dispatch with everything we know about its arrival. */
export interface DispatchRecord extends Dispatch {
  readonly receivedAt: UtcInstant;
  /**
   * Every distinct message that carried this event id and content, in order of arrival; of those that came together the
   * stored one first.
   */
  readonly receipts: readonly DispatchReceipt[];
}

/** One distinct message, and how often it came. */
export interface DispatchReceipt {
  readonly messageId: string;
  readonly outcome: string;
  readonly firstReceivedAt: UtcInstant;
  readonly lastReceivedAt: UtcInstant;
  readonly copies: number;
  readonly body: Buffer;
}

const GET = `
  select org_id as "orgId", event_id as "eventId", asset_id as "assetId", source,
    app.instant_text(published_at) as "publishedAt", app.instant_text(dispatch_time) as "dispatchTime",
    app.instant_text(delivery_period_start) as "deliveryPeriodStart", delivery_day as "deliveryDay",
    trim_scale(target_power_mw) as "targetPowerMw", trim_scale(nominal_power_mw) as "nominalPowerMw",
    trim_scale(power_imbalance_mw) as "powerImbalanceMw", trim_scale(soc_imbalance_mwh) as "socImbalanceMwh",
    app.instant_text(received_at) as "receivedAt", content_sha256 as "contentSha256"
  from app.dispatch where event_id = $1::uuid order by org_id limit 1`;

const GET_RECEIPTS = `
  select message_id as "messageId", outcome, app.instant_text(first_received_at) as "firstReceivedAt",
    app.instant_text(last_received_at) as "lastReceivedAt", copies, body
  from app.receipt where org_id = $1::uuid and stream = $2::text and content_sha256 = $3::bytea
  order by first_received_at, outcome <> 'stored', message_id`;

/** One dispatch; null when nobody in scope has it. Of several organisations that have the event id, the one with the lowest id. */
export async function getDispatch(trx: Trx, eventId: string): Promise<DispatchRecord | null> {
  const [row] = await trx.query<Omit<DispatchRecord, 'receipts'> & { contentSha256: Buffer }>(prepared(GET, [eventId]));
  if (row === undefined) return null;
  const { contentSha256, ...dispatch } = row;
  const receipts = await trx.query<DispatchReceipt>(prepared(GET_RECEIPTS, [row.orgId, STREAM, contentSha256]));
  return { ...dispatch, receipts };
}
