import type { DeliveryArea, Region } from '@quarterhour/domain';
import type { Database, Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { build } from '../tables.js';
import { listTradingStates, type TradingStateRow } from './trading-states.js';

/** A tenant: the owner of plants, assets and everything that is stored about them. */
export interface OrganisationRow {
  readonly id: string;
  /** Name for people to type, unique over the installation. */
  readonly slug: string;
  readonly name: string;
  /** First word of its routing keys; null when it publishes nothing itself. */
  readonly queuePrefix: string | null;
  /** IANA zone of its delivery days where a plant or asset names no other. */
  readonly marketZone: string;
}

/** One physical place. */
export interface PlantRow {
  readonly orgId: string;
  readonly id: string;
  /** The id by which a partner knows it, unique within the organisation; null while it is not linked. */
  readonly externalPlantId: string | null;
  readonly name: string;
  /** IANA zone in which the plant's people live. */
  readonly timeZone: string;
  /** IANA zone of the plant's delivery days. */
  readonly marketZone: string;
}

/** Something in a plant that is measured or controlled by itself. */
export interface DeviceRow {
  readonly orgId: string;
  readonly id: string;
  readonly plantId: string;
  readonly kind: string;
  /** The id by which the plant's telemetry knows it. */
  readonly externalId: string;
  readonly name: string;
}

/** The commercial unit that is dispatched. */
export interface AssetRow {
  /** `{region}_{delivery area}_{CODE}_{n}`, for example `DE_50HZ_WU_1`. */
  readonly id: string;
  readonly orgId: string;
  /** Whose telemetry measures it; null when nobody's does. */
  readonly plantId: string | null;
  readonly deviceId: string | null;
  readonly code: string;
  readonly name: string;
  readonly type: string;
  readonly region: Region;
  readonly deliveryArea: DeliveryArea;
  readonly provider: string;
  readonly lifecycle: string;
}

/** An asset to be: its id is made from region, delivery area and code, its lifecycle begins as `DRAFT`. */
export type NewAsset = Omit<AssetRow, 'id' | 'lifecycle'>;

const START_CLOCK = 'insert into app.org_head (org_id, known_at) values ($1::uuid, clock_timestamp())';

/**
 * Registers an organisation and starts its clock of knowledge. The transaction's scope must contain its id.
 *
 * @throws a `data` error (SQLSTATE 23505) when id, slug or queue prefix is taken
 */
export async function createOrganisation(trx: Trx, organisation: OrganisationRow): Promise<void> {
  const { id, slug, name, queuePrefix, marketZone } = organisation;
  const row = { id, slug, name, queue_prefix: queuePrefix, market_zone: marketZone };
  await trx.run(build.insertInto('app.organisation').values(row));
  await trx.query(prepared(START_CLOCK, [id]));
}

/** Registers a plant. @throws a `data` error (23505) when its id or external id is taken in its organisation */
export async function createPlant(trx: Trx, plant: PlantRow): Promise<void> {
  const { orgId, id, externalPlantId, name, timeZone, marketZone } = plant;
  const row = {
    id,
    name,
    org_id: orgId,
    external_plant_id: externalPlantId,
    time_zone: timeZone,
    market_zone: marketZone,
  };
  await trx.run(build.insertInto('app.plant').values(row));
}

/**
 * Registers a device of a plant.
 *
 * @throws a `data` error: its id or external id is taken (23505), there is no such plant (23503)
 */
export async function createDevice(trx: Trx, device: DeviceRow): Promise<void> {
  const { orgId, id, plantId, kind, externalId, name } = device;
  const row = { id, kind, name, org_id: orgId, plant_id: plantId, external_id: externalId };
  await trx.run(build.insertInto('app.device').values(row));
}

const CREATE_ASSET = `
  with counted as (
    insert into ops.asset_counter as c (region, delivery_area, code, last_number) values ($6, $7, upper($4::text), 1)
    on conflict (region, delivery_area, code) do update set last_number = c.last_number + 1
    returning last_number
  )
  insert into app.asset (id, org_id, plant_id, device_id, code, name, type, region, delivery_area, provider)
  select concat_ws('_', $6::text, $7::text, upper($4::text), last_number), $1::uuid, $2::uuid, $3::uuid, $4::text,
    $5::text, $8::text, $6::text, $7::text, $9::text
  from counted
  returning id`;

/**
 * Registers an asset under the next free number of its region, delivery area and code. Numbers are never used again.
 *
 * @returns the asset's id
 * @throws a `data` error: no such plant or device in the organisation (23503), value not allowed (23514)
 */
export async function createAsset(trx: Trx, asset: NewAsset): Promise<string> {
  const { orgId, plantId, deviceId, code, name, region, deliveryArea, type, provider } = asset;
  const [row] = await trx.query<{ id: string }>(
    prepared(CREATE_ASSET, [orgId, plantId, deviceId, code, name, region, deliveryArea, type, provider]),
  );
  if (row === undefined) throw new Error('the asset was inserted without an answer');
  return row.id;
}

/** Organisations by slug: those in scope, and for the administrator and the ingest role all of them. */
export function listOrganisations(trx: Trx): Promise<OrganisationRow[]> {
  return trx.run(organisations.orderBy('slug'));
}

/** One organisation; null when it does not exist in scope. */
export async function findOrganisation(trx: Trx, orgId: string): Promise<OrganisationRow | null> {
  const [organisation] = await trx.run(organisations.where('id', '=', orgId));
  return organisation ?? null;
}

/** Plants in scope, by organisation and external id. */
export function listPlants(trx: Trx): Promise<PlantRow[]> {
  return trx.run(plants.orderBy('org_id').orderBy('external_plant_id'));
}

/** One plant; null when it does not exist in scope. */
export async function findPlant(trx: Trx, plantId: string): Promise<PlantRow | null> {
  const [plant] = await trx.run(plants.where('id', '=', plantId));
  return plant ?? null;
}

/** The plant that a partner knows by an id of its own; null when it does not exist in scope. */
export async function findPlantByExternalId(trx: Trx, externalPlantId: string): Promise<PlantRow | null> {
  const [plant] = await trx.run(plants.where('external_plant_id', '=', externalPlantId));
  return plant ?? null;
}

/** Devices in scope, by organisation, plant and external id. */
export function listDevices(trx: Trx): Promise<DeviceRow[]> {
  return trx.run(
    build
      .selectFrom('app.device')
      .select(['org_id as orgId', 'id', 'plant_id as plantId', 'kind', 'external_id as externalId', 'name'])
      .orderBy('org_id')
      .orderBy('plant_id')
      .orderBy('external_id'),
  );
}

/** Assets in scope, by id. */
export function listAssets(trx: Trx): Promise<AssetRow[]> {
  return trx.run(assets.orderBy('id'));
}

const organisations = build
  .selectFrom('app.organisation')
  .select(['id', 'slug', 'name', 'queue_prefix as queuePrefix', 'market_zone as marketZone']);

const plants = build
  .selectFrom('app.plant')
  .select([
    'org_id as orgId',
    'id',
    'external_plant_id as externalPlantId',
    'name',
    'time_zone as timeZone',
    'market_zone as marketZone',
  ]);

const assets = build
  .selectFrom('app.asset')
  .select([
    'id',
    'org_id as orgId',
    'plant_id as plantId',
    'device_id as deviceId',
    'code',
    'name',
    'type',
    'region',
    'delivery_area as deliveryArea',
    'provider',
    'lifecycle',
  ]);

/**
 * A partner's key that was not revoked, or whose virtual host is not gone yet. Until it expires, a virtual host of the broker
 * is the key's own; one that is there is not gone for that alone.
 */
export interface PartnerKeyRow {
  readonly id: string;
  readonly orgId: string;
  /** Epoch milliseconds by the database's clock; null when it does not expire, or its virtual host is there. */
  readonly expiresAtMillis: number | null;
  /** When it stops or stopped to be good for anything, in epoch milliseconds by the database's clock; null when it does not. */
  readonly endsAtMillis: number | null;
  readonly scopes: readonly string[];
  readonly sealedSigningKey: string;
}

/** Which register it is, and what time it is. */
export interface RegisterMark {
  /**
   * Another whenever an organisation, plant, device, asset, connection point, external id, trading configuration or API
   * key changed.
   */
  readonly version: string;
  /** The database's clock, in epoch milliseconds: keys expire by it, without another version. */
  readonly nowMillis: number;
}

/** What the worker must know to tell whose a message is, and whose messages to take. */
export interface RegisterRows extends RegisterMark {
  readonly organisations: readonly Omit<OrganisationRow, 'name'>[];
  readonly plants: readonly Omit<PlantRow, 'name'>[];
  readonly assets: readonly Pick<AssetRow, 'id' | 'orgId' | 'plantId' | 'deliveryArea'>[];
  readonly tradingStates: readonly TradingStateRow[];
  readonly apiKeys: readonly PartnerKeyRow[];
}

/**
 * Reads the register of all organisations. For the ingest role, which may list every organisation.
 *
 * Its mark is read before its rows: a later change shows as another version.
 */
export async function loadRegister(db: Database): Promise<RegisterRows> {
  const { mark, owners } = await db.read([], async (trx) => ({
    mark: await markOf(trx),
    owners: await listOrganisations(trx),
  }));
  const everybody = owners.map(({ id }) => id);
  return db.read(everybody, async (trx) => ({
    ...mark,
    organisations: owners,
    plants: await listPlants(trx),
    assets: await listAssets(trx),
    tradingStates: await listTradingStates(trx),
    apiKeys: await trx.query<PartnerKeyRow>(prepared(KEYS, [])),
  }));
}

/** What was confirmed to the holder of a key that ended is still to be stored: its virtual host is looked at until it is gone. */
const KEYS = `
  select k.id, k.org_id as "orgId",
    case when v.key_id is null then (extract(epoch from k.expires_at) * 1000)::float8 end as "expiresAtMillis",
    (extract(epoch from least(k.revoked_at, k.expires_at)) * 1000)::float8 as "endsAtMillis", k.scopes,
    k.signing_key as "sealedSigningKey"
    from app.api_key k left join app.partner_vhost v on v.org_id = k.org_id and v.key_id = k.id
   where k.revoked_at is null or v.key_id is not null
   order by k.created_at, k.id`;

/** Whether the register changed, and what time it is. One cheap read. */
export function registerMark(db: Database): Promise<RegisterMark> {
  return db.read([], markOf);
}

const MARK = `
  select version::text as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMillis"
    from ops.register_version`;

async function markOf(trx: Trx): Promise<RegisterMark> {
  const [row] = await trx.query<RegisterMark>(prepared(MARK, []));
  if (row === undefined) throw new Error('ops.register_version is empty: the schema is damaged');
  return row;
}
