import type { UtcInstant } from '@quarterhour/domain';
import { plainArray, textArray } from '../array-literals.js';
import type { Database, Trx } from '../pool.js';
import type { KeyColumns, Page, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import { storableText } from '../storable.js';

/** An API key to be. The key itself is not kept, only what finds it. */
export interface NewApiKey {
  readonly orgId: string;
  /** UUIDv7. */
  readonly id: string;
  /** 1 to 80 characters. */
  readonly name: string;
  /** Beginning of the key, for people. */
  readonly keyPrefix: string;
  /** 32 bytes: the key's HMAC. */
  readonly keyDigest: Buffer;
  /** Sealed for `app.api_key`, column `signing_key`, row `id`. */
  readonly sealedSigningKey: string;
  readonly scopes: readonly string[];
  /** CIDR; none means from anywhere. */
  readonly allowedIps: readonly string[];
  readonly createdBy: string;
  /** Null when it lasts until it is revoked. */
  readonly expiresAt: UtcInstant | null;
}

const INSERT = `
  insert into app.api_key (org_id, id, name, key_prefix, key_digest, signing_key, scopes, allowed_ips, created_by,
    created_at, updated_at, expires_at)
  select $1::uuid, $2::uuid, $3, $4, $5::bytea, $6, $7::text[], $8::text[], $9, clock.now, clock.now,
    $10::timestamptz
  from (select clock_timestamp() as now) clock
  returning app.instant_text(created_at) as "createdAt"`;

/**
 * Keeps a new key.
 *
 * @returns when it was kept
 * @throws a `data` error (23505) when its id or digest is there already
 */
export async function insertApiKey(trx: Trx, key: NewApiKey): Promise<UtcInstant> {
  const [kept] = await trx.query<{ createdAt: UtcInstant }>(
    prepared(INSERT, [
      key.orgId,
      key.id,
      key.name,
      key.keyPrefix,
      key.keyDigest,
      key.sealedSigningKey,
      textArray(key.scopes),
      textArray(key.allowedIps),
      storableText(key.createdBy),
      key.expiresAt,
    ]),
  );
  if (kept === undefined) throw new Error('the key was inserted without an answer');
  return kept.createdAt;
}

/** What a key may do, and for whom. */
export interface ApiKeyRow {
  readonly orgId: string;
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** CIDR; none means from anywhere. */
  readonly allowedIps: readonly string[];
  readonly expiresAt: UtcInstant | null;
}

/** Neither revoked nor, by the database's clock, expired. */
const IS_LIVE = `(k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp()))`;

const ROW = `k.org_id as "orgId", k.id, k.name, k.scopes, k.allowed_ips as "allowedIps",
  app.instant_text(k.expires_at) as "expiresAt"`;

const FIND = `select ${ROW} from app.find_api_key($1::bytea) k where ${IS_LIVE}`;

/**
 * The live key that a digest names, whichever organisation's it is: the only look-up that crosses organisations. For the
 * read and the control role.
 *
 * @returns null when there is none, or it is revoked or expired now
 */
export async function findApiKey(db: Database, digest: Buffer): Promise<ApiKeyRow | null> {
  const [found] = await db.read([], (trx) => trx.query<ApiKeyRow>(prepared(FIND, [digest])));
  return found ?? null;
}

const LIVE = `select ${ROW} from app.api_key k where ${IS_LIVE} order by k.org_id, k.created_at, k.id`;

/** The live keys of the organisations in scope, oldest first within each. */
export function listLiveApiKeys(trx: Trx): Promise<ApiKeyRow[]> {
  return trx.query<ApiKeyRow>(prepared(LIVE, []));
}

const OWNER = 'select org_id as "orgId" from app.api_key where id = $1::uuid';

/** Whose key it is; null when there is no such key in scope. */
export async function findApiKeyOwner(trx: Trx, id: string): Promise<string | null> {
  const [owner] = await trx.query<{ orgId: string }>(prepared(OWNER, [id]));
  return owner?.orgId ?? null;
}

const REVOKE = `
  with revoked as (
    update app.api_key k set revoked_at = clock.now, revoked_by = $2, updated_at = clock.now
      from (select clock_timestamp() as now) clock
     where k.id = $1::uuid and k.revoked_at is null
    returning k.id)
  select k.name, exists (select from revoked) as "isRevokedNow"
  from app.api_key k where k.id = $1::uuid`;

/** Which key is revoked, and whether this did it: it may have been revoked before. */
export interface RevokedApiKey {
  readonly name: string;
  readonly isRevokedNow: boolean;
}

/**
 * Revokes a key, for ever. Whoever looks it up from the commit on finds nothing.
 *
 * @returns null when there is no such key in scope
 */
export async function revokeApiKey(trx: Trx, { id, by }: { id: string; by: string }): Promise<RevokedApiKey | null> {
  const [revoked] = await trx.query<RevokedApiKey>(prepared(REVOKE, [id, storableText(by)]));
  return revoked ?? null;
}

/**
 * Columns that a projection of keys may show. `key_prefix` is what is shown of a key; `last_used_at` is coarse; `is_active`
 * says whether it is neither revoked nor expired.
 */
export type ApiKeyColumn =
  | 'org_id'
  | 'id'
  | 'name'
  | 'key_prefix'
  | 'scopes'
  | 'allowed_ips'
  | 'vhost'
  | 'is_active'
  | 'expires_at'
  | 'last_used_at'
  | 'created_by'
  | 'created_at'
  | 'updated_at'
  | 'revoked_at';

/** One page of keys, newest first, by its number. */
export interface ApiKeyQuery {
  /** Rows that come before the page. */
  readonly offset: number;
  readonly limit: number;
  /** What a key's virtual host begins with. */
  readonly vhostStart: string;
}

/** A page, and how many rows the whole list has. */
export interface CountedPage {
  /** A JSON array. */
  readonly json: string;
  readonly total: number;
}

const COUNT = 'select count(*)::int as total from app.api_key';

/** One page of the keys of every organisation in scope, revoked ones included. */
export async function listApiKeys(
  trx: Trx,
  { offset, limit, vhostStart }: ApiKeyQuery,
  projection: Projection<ApiKeyColumn>,
): Promise<CountedPage> {
  const parameters = new StatementParameters();
  const rows = `
    select k.org_id, k.id, k.name, k.key_prefix, to_json(k.scopes) as scopes, to_json(k.allowed_ips) as allowed_ips,
      ${parameters.bind(vhostStart)}::text || k.id as vhost, ${IS_LIVE} as is_active, k.expires_at, u.last_used_at,
      k.created_by, k.created_at, k.updated_at, k.revoked_at
    from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select k.* from app.api_key k where k.org_id = o.org_id
      order by k.created_at desc, k.id desc limit ${parameters.bind(offset + limit)}::int8) k
    left join app.api_key_use u on u.org_id = k.org_id and u.key_id = k.id
    order by k.created_at desc, k.id desc
    offset ${parameters.bind(offset)}::int8 limit ${parameters.bind(limit)}::int8`;
  const page: Page<{ id: string }> = await queryPage(trx, { rows, parameters, projection, key: KEY, limit });
  const [counted] = await trx.query<{ total: number }>(prepared(COUNT, []));
  return { json: page.json, total: counted?.total ?? 0 };
}

const KEY: KeyColumns<{ readonly id: string }> = { id: { column: 'id', as: 'uuid' } };

/** That a key was used. */
export interface ApiKeyUse {
  readonly orgId: string;
  readonly keyId: string;
  readonly at: UtcInstant;
}

const RECORD_USES = `
  insert into app.api_key_use as u (org_id, key_id, last_used_at)
  select o.org_id, o.key_id, max(o.at) from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as o (org_id, key_id, at)
   group by o.org_id, o.key_id order by o.org_id, o.key_id
  on conflict (org_id, key_id) do update set last_used_at = greatest(u.last_used_at, excluded.last_used_at)`;

/** Notes when keys were last used; an earlier use changes nothing. For the usage role. */
export async function recordApiKeyUses(trx: Trx, uses: readonly ApiKeyUse[]): Promise<void> {
  await trx.query(
    prepared(RECORD_USES, [
      plainArray(uses.map(({ orgId }) => orgId)),
      plainArray(uses.map(({ keyId }) => keyId)),
      plainArray(uses.map(({ at }) => at)),
    ]),
  );
}
