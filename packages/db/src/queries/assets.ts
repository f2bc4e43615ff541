import { isNativeError } from 'node:util/types';
import type { AssetLifecycle, AssetStep, DeliveryArea, Region, UtcInstant } from '@quarterhour/domain';
import { DatabaseError } from 'pg';
import { textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';

/** An asset as the register has it. */
export interface AssetRecord {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly type: string;
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
  readonly lifecycle: AssetLifecycle;
  readonly provider: string;
  /** `YYYY-MM-DD`; null until it is known. */
  readonly goLiveDate: string | null;
  readonly createdAt: UtcInstant;
  readonly updatedAt: UtcInstant;
}

const RECORD = `
  a.id, a.code, a.name, a.type, a.region, a.delivery_area as "deliveryArea", a.lifecycle, a.provider,
  to_char(a.go_live_date, 'YYYY-MM-DD') as "goLiveDate", app.instant_text(a.created_at) as "createdAt",
  app.instant_text(a.updated_at) as "updatedAt"`;

const FIND = `select ${RECORD} from app.asset a where a.id = $1`;

/** One asset; null when it does not exist in scope. */
export async function findAsset(trx: Trx, id: string): Promise<AssetRecord | null> {
  const [found] = await trx.query<AssetRecord>(prepared(FIND, [id]));
  return found ?? null;
}

const LOCK = `select ${RECORD} from app.asset a where a.org_id = $1::uuid and a.id = $2 for update`;

/** The same of one organisation, for whoever is about to change it. */
export async function lockAsset(trx: Trx, orgId: string, id: string): Promise<AssetRecord | null> {
  const [found] = await trx.query<AssetRecord>(prepared(LOCK, [orgId, id]));
  return found ?? null;
}

/** Members to be replaced; what is left out stays. */
export interface AssetChange {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly provider?: string | undefined;
  readonly goLiveDate?: string | undefined;
}

const CHANGE = `
  update app.asset a
     set name = coalesce($3, a.name), type = coalesce($4, a.type), provider = coalesce($5, a.provider),
       go_live_date = coalesce($6::date, a.go_live_date), updated_at = $7::timestamptz
   where a.org_id = $1::uuid and a.id = $2
  returning ${RECORD}`;

/** Replaces what is given; null when the organisation has no such asset. */
export async function changeAsset(
  trx: Trx,
  asset: { readonly orgId: string; readonly id: string },
  { name = null, type = null, provider = null, goLiveDate = null }: Nullable<AssetChange>,
  at: UtcInstant,
): Promise<AssetRecord | null> {
  const [changed] = await trx.query<AssetRecord>(
    prepared(CHANGE, [asset.orgId, asset.id, name, type, provider, goLiveDate, at]),
  );
  return changed ?? null;
}

type Nullable<T> = { readonly [Name in keyof T]: T[Name] | null };

const STEP = `
  update app.asset a
     set lifecycle = $4, updated_at = $6::timestamptz,
       go_live_date = case when $5::bool then coalesce(a.go_live_date, ($6::timestamptz at time zone 'UTC')::date)
         else a.go_live_date end
   where a.org_id = $1::uuid and a.id = $2 and a.lifecycle = $3
  returning ${RECORD}`;

/**
 * Takes a step of an asset's life, if the asset is where the step begins: of several who try, one does.
 *
 * @param at when; its UTC date is the day of going live, where the step fills it
 * @returns null when the organisation has no such asset, or it is somewhere else
 */
export async function takeAssetStep(
  trx: Trx,
  asset: { readonly orgId: string; readonly id: string },
  { from, to, startsLife }: AssetStep,
  at: UtcInstant,
): Promise<AssetRecord | null> {
  const [moved] = await trx.query<AssetRecord>(prepared(STEP, [asset.orgId, asset.id, from, to, startsLife, at]));
  return moved ?? null;
}

/** Something that is registered refers to the asset. */
export class AssetInUseError extends Error {
  override readonly name = 'AssetInUseError';
  readonly code = 'asset_in_use';
}

const DELETE = 'delete from app.asset where org_id = $1::uuid and id = $2';
const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Takes an asset out of the register. Whose it was is remembered.
 *
 * @throws AssetInUseError; the transaction can only be given up then
 */
export async function deleteAsset(trx: Trx, orgId: string, id: string): Promise<void> {
  try {
    await trx.query(prepared(DELETE, [orgId, id]));
  } catch (error) {
    if (isReferred(error)) throw new AssetInUseError(`asset ${id} is in use`, { cause: error });
    throw error;
  }
}

function isReferred(error: unknown): boolean {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof DatabaseError) return at.code === FOREIGN_KEY_VIOLATION;
  }
  return false;
}

/** What has to be known about an asset by whoever writes something about it. */
export interface KnownAsset {
  readonly id: string;
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
}

const KNOWN = `
  select id, region, delivery_area as "deliveryArea" from app.asset
   where org_id = $1::uuid and id = any ($2::text[])`;

/** Those of some assets that an organisation has, by id. */
export async function findKnownAssets(
  trx: Trx,
  orgId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownAsset>> {
  const found = await trx.query<KnownAsset>(prepared(KNOWN, [orgId, textArray([...new Set(ids)])]));
  return new Map(found.map((asset) => [asset.id, asset]));
}

/** Columns that a projection of assets may show. */
export type AssetColumn =
  | 'id'
  | 'code'
  | 'name'
  | 'type'
  | 'region'
  | 'delivery_area'
  | 'lifecycle'
  | 'provider'
  | 'go_live_date'
  | 'created_at'
  | 'updated_at';

/** Where a page of assets ended. */
export interface AssetKey {
  readonly id: string;
}

/** Which assets, and which page of them. */
export interface AssetQuery {
  readonly type?: string | undefined;
  readonly region?: string | undefined;
  readonly lifecycle?: string | undefined;
  readonly deliveryArea?: string | undefined;
  readonly provider?: string | undefined;
  /** Starts after this row. */
  readonly after?: AssetKey;
  readonly limit: number;
  readonly offset: number;
}

/** One page of assets of the organisations in scope, by id. */
export function listAssetsPage(
  trx: Trx,
  query: AssetQuery,
  projection: Projection<AssetColumn>,
): Promise<Page<AssetKey>> {
  const parameters = new StatementParameters();
  const reach = `${parameters.bind(query.offset + query.limit + 1)}::int8`;
  const offset = `${parameters.bind(query.offset)}::int8`;
  const where = ['a.org_id = o.org_id', ...conditions(query, parameters)].join(' and ');
  const rows = `
    select a.* from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select a.id, a.code, a.name, a.type, a.region, a.delivery_area, a.lifecycle, a.provider, a.go_live_date,
        a.created_at, a.updated_at
      from app.asset a where ${where} order by a.id limit ${reach}) a
    order by a.id limit ${reach} offset ${offset}`;
  return queryPage(trx, { rows, parameters, projection, key: ASSET_KEY, limit: query.limit });
}

const ASSET_KEY: KeyColumns<AssetKey> = { id: { column: 'id', as: 'text' } };

function conditions(query: AssetQuery, parameters: StatementParameters): string[] {
  const { type, region, lifecycle, deliveryArea, provider, after } = query;
  const filters = { type, region, lifecycle, delivery_area: deliveryArea, provider };
  return [
    ...Object.entries(filters).flatMap(([column, value]) =>
      value === undefined ? [] : [`a.${column} = ${parameters.bind(value)}`],
    ),
    ...(after === undefined ? [] : [`a.id > ${parameters.bind(after.id)}`]),
  ];
}
