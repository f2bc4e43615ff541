import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { objectText, type Projection } from '../projection.js';
import { prepared } from '../statement.js';
import { displaceConnectionLimits } from './connection-limits.js';

/** What connects assets to a connection point. Decimals are canonical text. */
export interface Inverter {
  readonly orgId: string;
  /** `{id of the connection point}_INV_{n}`. */
  readonly id: string;
  readonly connectionPointId: string;
  readonly ratedPowerMw: string;
  /** Above 0, at most 1. */
  readonly chargeEfficiency: string;
  readonly dischargeEfficiency: string;
  /** Distinct, in the order of the ids; at least one. */
  readonly assetIds: readonly string[];
}

/** An inverter to be: its id is made from that of its connection point. */
export type NewInverter = Omit<Inverter, 'id'>;

const INSERT = `
  with counted as (
    update app.connection_point set last_inverter_number = last_inverter_number + 1 where id = $2
    returning last_inverter_number as number
  )
  insert into app.inverter (id, org_id, connection_point_id, number, rated_power_mw, charge_efficiency,
    discharge_efficiency, created_at, updated_at)
  select concat_ws('_', $2::text, 'INV', number), $1::uuid, $2::text, number, $3::numeric, $4::numeric, $5::numeric,
    $6::timestamptz, $6::timestamptz
  from counted
  returning id`;

/**
 * Registers an inverter under the next number of its connection point. Numbers are never used again.
 *
 * @param stamp the organisation's `known_at` of this transaction
 * @returns its id
 */
export async function insertInverter(trx: Trx, inverter: NewInverter, stamp: UtcInstant): Promise<string> {
  const { orgId, connectionPointId, ratedPowerMw, chargeEfficiency, dischargeEfficiency, assetIds } = inverter;
  const values = [orgId, connectionPointId, ratedPowerMw, chargeEfficiency, dischargeEfficiency, stamp];
  const [made] = await trx.query<{ id: string }>(prepared(INSERT, values));
  if (made === undefined) throw new Error('the inverter was inserted without an answer');
  await trx.query(prepared(LINK, [orgId, made.id, textArray(assetIds)]));
  return made.id;
}

const LOCK = `
  select i.org_id as "orgId", i.id, i.connection_point_id as "connectionPointId",
    trim_scale(i.rated_power_mw)::text as "ratedPowerMw", trim_scale(i.charge_efficiency)::text as "chargeEfficiency",
    trim_scale(i.discharge_efficiency)::text as "dischargeEfficiency",
    array(select l.asset_id from app.inverter_asset l
           where l.org_id = i.org_id and l.inverter_id = i.id order by l.asset_id) as "assetIds"
  from app.inverter i where i.id = $1 and i.connection_point_id = $2 for update of i`;

/** Which inverter, of which connection point. */
export interface InverterAddress {
  readonly id: string;
  readonly connectionPointId: string;
}

/**
 * The inverter, which nobody else changes until the transaction ends; null when the connection point has none of this id in
 * scope.
 */
export async function lockInverter(trx: Trx, { id, connectionPointId }: InverterAddress): Promise<Inverter | null> {
  const [found] = await trx.query<Inverter>(prepared(LOCK, [id, connectionPointId]));
  return found ?? null;
}

const EXISTS = 'select 1 as found from app.inverter where id = $1 and connection_point_id = $2';

/** Whether the connection point has this inverter in scope. */
export async function hasInverter(trx: Trx, { id, connectionPointId }: InverterAddress): Promise<boolean> {
  return (await trx.query(prepared(EXISTS, [id, connectionPointId]))).length > 0;
}

const CHANGE = `
  update app.inverter
     set rated_power_mw = $2::numeric, charge_efficiency = $3::numeric, discharge_efficiency = $4::numeric,
       updated_at = $5::timestamptz
   where id = $1`;
const UNLINK = `
  delete from app.inverter_asset where org_id = $1::uuid and inverter_id = $2 and asset_id <> all ($3::text[])`;
const LINK = `
  insert into app.inverter_asset (org_id, inverter_id, asset_id)
  select $1::uuid, $2, asset_id from unnest($3::text[]) as o (asset_id) order by asset_id
  on conflict do nothing`;

/** Makes an inverter, which is locked, what is given; its assets become exactly those. */
export async function changeInverter(trx: Trx, inverter: Inverter, stamp: UtcInstant): Promise<void> {
  const { orgId, id, ratedPowerMw, chargeEfficiency, dischargeEfficiency, assetIds } = inverter;
  await trx.query(prepared(CHANGE, [id, ratedPowerMw, chargeEfficiency, dischargeEfficiency, stamp]));
  await trx.query(prepared(UNLINK, [orgId, id, textArray(assetIds)]));
  await trx.query(prepared(LINK, [orgId, id, textArray(assetIds)]));
}

const REMOVE_LINKS = 'delete from app.inverter_asset where org_id = $1::uuid and inverter_id = any ($2::text[])';
const REMOVE = 'delete from app.inverter where org_id = $1::uuid and id = any ($2::text[])';

/** Removes inverters, whose connection point is locked; their limits go to the history. */
export async function removeInverters(
  trx: Trx,
  { orgId, ids }: { readonly orgId: string; readonly ids: readonly string[] },
  stamp: UtcInstant,
): Promise<void> {
  await displaceConnectionLimits(trx, { orgId, of: 'inverter', ids }, stamp);
  await trx.query(prepared(REMOVE_LINKS, [orgId, textArray(ids)]));
  await trx.query(prepared(REMOVE, [orgId, textArray(ids)]));
}

const IDS = 'select id from app.inverter where connection_point_id = $1 order by id';

/** Ids of the inverters of a connection point. */
export async function listInverterIds(trx: Trx, connectionPointId: string): Promise<string[]> {
  return (await trx.query<{ id: string }>(prepared(IDS, [connectionPointId]))).map(({ id }) => id);
}

/** Columns that a projection of inverters may show. `asset_ids` is a JSON array. */
export type InverterColumn =
  | 'id'
  | 'connection_point_id'
  | 'rated_power_mw'
  | 'charge_efficiency'
  | 'discharge_efficiency'
  | 'asset_ids'
  | 'created_at'
  | 'updated_at';

const WITH_ASSETS = `
  i.*, (select to_json(array_agg(l.asset_id order by l.asset_id)) from app.inverter_asset l
         where l.org_id = i.org_id and l.inverter_id = i.id) as asset_ids`;

/** One inverter as JSON text; null when there is none in scope. */
export async function inverterText(
  trx: Trx,
  id: string,
  projection: Projection<InverterColumn>,
): Promise<string | null> {
  const text = `
    select ${objectText(projection, 'i')} as json from (select ${WITH_ASSETS} from app.inverter i where i.id = $1) i`;
  const [found] = await trx.query<{ json: string }>(prepared(text, [id]));
  return found?.json ?? null;
}

/**
 * An SQL expression for the inverters of a connection point as a JSON array, in the order in which they were made.
 *
 * @param point alias of the connection point's row in the statement around it
 */
export function invertersText(point: string, projection: Projection<InverterColumn>): string {
  return `(
    select '[' || coalesce(string_agg(${objectText(projection, 'i')}, ',' order by i.number), '') || ']'
      from (select ${WITH_ASSETS} from app.inverter i
             where i.org_id = ${point}.org_id and i.connection_point_id = ${point}.id) i)`;
}

const LISTING = 'select inverter_id as id from app.inverter_asset where asset_id = $1 order by inverter_id';

/** Ids of the inverters in scope that list an asset: as long as there are any, it cannot go. */
export async function listInvertersOfAsset(trx: Trx, assetId: string): Promise<string[]> {
  return (await trx.query<{ id: string }>(prepared(LISTING, [assetId]))).map(({ id }) => id);
}
