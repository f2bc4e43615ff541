import type { DeliveryArea, PriceUnit, Region, UtcInstant } from '@quarterhour/domain';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import { objectText, queryPage } from '../projection.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';
import { displaceConnectionLimits } from './connection-limits.js';
import { invertersText, listInverterIds, removeInverters, type InverterColumn } from './inverters.js';

/** How a connection point's assets are dispatched. Prices are canonical text, both in one unit. */
export interface DispatchMode {
  readonly name: string;
  readonly floorPrice: string | null;
  readonly strikePrice: string | null;
  /** Null when there is no price. */
  readonly priceUnit: PriceUnit | null;
}

/** Where plants meet the grid: what the asset API calls a site. */
export interface ConnectionPoint {
  readonly orgId: string;
  /** `{region}_{delivery area}_{CODE}_SITE_{n}`, for example `DE_AMPN_IMMST_SITE_1`. */
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
  readonly dispatchMode: DispatchMode;
}

/** A connection point to be: its id is made from region, delivery area and code. */
export type NewConnectionPoint = Omit<ConnectionPoint, 'id'>;

const INSERT = `
  with counted as (
    insert into ops.connection_point_counter as c (region, delivery_area, code, last_number)
    values ($2, $3, upper($4::text), 1)
    on conflict (region, delivery_area, code) do update set last_number = c.last_number + 1
    returning last_number
  )
  insert into app.connection_point (id, org_id, code, name, region, delivery_area, dispatch_mode, floor_price, strike_price,
    price_unit, created_at, updated_at)
  select concat_ws('_', $2::text, $3::text, upper($4::text), 'SITE', last_number), $1::uuid, $4::text, $5::text, $2::text,
    $3::text, $6::text, $7::numeric, $8::numeric, $9::text, $10::timestamptz, $10::timestamptz
  from counted
  returning id`;

/**
 * Registers a connection point under the next free number of its region, delivery area and code. Numbers are never used
 * again.
 *
 * @param stamp the organisation's `known_at` of this transaction
 * @returns its id
 */
export async function insertConnectionPoint(trx: Trx, point: NewConnectionPoint, stamp: UtcInstant): Promise<string> {
  const { orgId, region, deliveryArea, code, name, dispatchMode } = point;
  const values = [orgId, region, deliveryArea, code, name, ...modeValues(dispatchMode), stamp];
  const [made] = await trx.query<{ id: string }>(prepared(INSERT, values));
  if (made === undefined) throw new Error('the connection point was inserted without an answer');
  return made.id;
}

const LOCK = `
  select org_id as "orgId", id, code, name, region, delivery_area as "deliveryArea", dispatch_mode as "dispatchMode",
    trim_scale(floor_price)::text as "floorPrice", trim_scale(strike_price)::text as "strikePrice",
    price_unit as "priceUnit"
  from app.connection_point where id = $1 for update`;

type LockedRow = Omit<ConnectionPoint, 'dispatchMode'> & Omit<DispatchMode, 'name'> & { readonly dispatchMode: string };

/** The connection point, which nobody else changes until the transaction ends; null when there is none in scope. */
export async function lockConnectionPoint(trx: Trx, id: string): Promise<ConnectionPoint | null> {
  const [found] = await trx.query<LockedRow>(prepared(LOCK, [id]));
  if (found === undefined) return null;
  const { dispatchMode: name, floorPrice, strikePrice, priceUnit, ...point } = found;
  return { ...point, dispatchMode: { name, floorPrice, strikePrice, priceUnit } };
}

const EXISTS = 'select 1 as found from app.connection_point where id = $1';

/** Whether there is such a connection point in scope. */
export async function hasConnectionPoint(trx: Trx, id: string): Promise<boolean> {
  return (await trx.query(prepared(EXISTS, [id]))).length > 0;
}

/** What of a connection point can change. */
export type ConnectionPointChange = Pick<ConnectionPoint, 'name' | 'dispatchMode'>;

const CHANGE = `
  update app.connection_point
     set name = $2, dispatch_mode = $3, floor_price = $4::numeric, strike_price = $5::numeric, price_unit = $6,
       updated_at = $7::timestamptz
   where id = $1`;

/** Changes a connection point, which is locked. */
export async function changeConnectionPoint(
  trx: Trx,
  id: string,
  { name, dispatchMode }: ConnectionPointChange,
  stamp: UtcInstant,
): Promise<void> {
  await trx.query(prepared(CHANGE, [id, name, ...modeValues(dispatchMode), stamp]));
}

const REMOVE = 'delete from app.connection_point where id = $1';

/** Removes a connection point, which is locked, with its inverters; the limits of all of them go to their histories. */
export async function removeConnectionPoint(
  trx: Trx,
  { orgId, id }: Pick<ConnectionPoint, 'orgId' | 'id'>,
  stamp: UtcInstant,
): Promise<void> {
  await removeInverters(trx, { orgId, ids: await listInverterIds(trx, id) }, stamp);
  await displaceConnectionLimits(trx, { orgId, of: 'connection-point', ids: [id] }, stamp);
  await trx.query(prepared(REMOVE, [id]));
}

function modeValues({ name, floorPrice, strikePrice, priceUnit }: DispatchMode): (string | null)[] {
  return [name, floorPrice, strikePrice, priceUnit];
}

/** Columns that a projection of connection points may show. `inverters` is a JSON array, or null where they are not asked for. */
export type ConnectionPointColumn =
  | 'id'
  | 'name'
  | 'code'
  | 'region'
  | 'delivery_area'
  | 'dispatch_mode'
  | 'floor_price'
  | 'strike_price'
  | 'price_unit'
  | 'created_at'
  | 'updated_at'
  | 'inverters';

/** How connection points and their inverters are shown. */
export interface ConnectionPointProjection {
  readonly point: Projection<ConnectionPointColumn>;
  readonly inverter: Projection<InverterColumn>;
}

/** Where a page of connection points ended. */
export interface ConnectionPointKey {
  readonly id: string;
}

/** Which connection points, and which page of them. */
export interface ConnectionPointQuery {
  readonly region?: Region;
  readonly deliveryArea?: DeliveryArea;
  /** Only those of which some inverter lists this asset. */
  readonly assetId?: string;
  readonly withInverters: boolean;
  /** Starts after this row. */
  readonly after?: ConnectionPointKey;
  readonly limit: number;
  readonly offset: number;
}

/** One page of connection points, by id. */
export function listConnectionPoints(
  trx: Trx,
  query: ConnectionPointQuery,
  projection: ConnectionPointProjection,
): Promise<Page<ConnectionPointKey>> {
  return queryPage(trx, pointSource(query, projection));
}

/** All connection points of a query, part by part. */
export function exportConnectionPoints(
  query: Omit<ConnectionPointQuery, 'after' | 'limit' | 'offset'>,
  projection: ConnectionPointProjection,
  format: LineFormat,
): LinesReader<ConnectionPointKey> {
  return (trx, after, limit) =>
    queryLines(trx, pointSource({ ...query, ...startingAfter(after), limit, offset: 0 }, projection), format);
}

/** One connection point with its inverters, as JSON text; null when there is none in scope. */
export async function connectionPointText(
  trx: Trx,
  id: string,
  { point, inverter }: ConnectionPointProjection,
): Promise<string | null> {
  const text = `
    select ${objectText(point, 'p')} as json
      from (select p.*, ${invertersText('p', inverter)} as inverters from app.connection_point p where p.id = $1) p`;
  const [found] = await trx.query<{ json: string }>(prepared(text, [id]));
  return found?.json ?? null;
}

const POINT_KEY: KeyColumns<ConnectionPointKey> = { id: { column: 'id', as: 'text' } };

function pointSource(
  query: ConnectionPointQuery,
  { point, inverter }: ConnectionPointProjection,
): PageSource<ConnectionPointKey, ConnectionPointColumn> {
  const { withInverters, limit, offset } = query;
  const parameters = new StatementParameters();
  const reach = `${parameters.bind(offset + limit + 1)}::int8`;
  const where = ['p.org_id = o.org_id', ...conditionsOf(query, parameters)].join(' and ');
  const rows = `
    select p.*, ${withInverters ? invertersText('p', inverter) : 'null'} as inverters from (
      select p.* from unnest((select app.orgs())::uuid[]) as o (org_id)
      cross join lateral (select p.* from app.connection_point p where ${where} order by p.id limit ${reach}) p
      order by p.id limit ${reach} offset ${parameters.bind(offset)}::int8) p
    order by p.id`;
  return { rows, parameters, projection: point, key: POINT_KEY, limit };
}

function conditionsOf(
  { region, deliveryArea, assetId, after }: ConnectionPointQuery,
  parameters: StatementParameters,
): string[] {
  const found: string[] = [];
  if (region !== undefined) found.push(`p.region = ${parameters.bind(region)}`);
  if (deliveryArea !== undefined) found.push(`p.delivery_area = ${parameters.bind(deliveryArea)}`);
  if (assetId !== undefined) {
    found.push(`p.id in (
      select i.connection_point_id from app.inverter_asset l join app.inverter i on i.id = l.inverter_id
       where l.org_id = o.org_id and l.asset_id = ${parameters.bind(assetId)})`);
  }
  if (after !== undefined) found.push(`p.id > ${parameters.bind(after.id)}`);
  return found;
}
