import { isNativeError } from 'node:util/types';
import type { TradingStanding, TradingState, UtcInstant } from '@quarterhour/domain';
import { DatabaseError } from 'pg';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableText } from '../storable.js';

/** An organisation's trading configuration, as it stands. */
export interface TradingConfigRecord extends TradingStanding {
  readonly orgId: string;
  /** Of the configuration. Until there is a row it is what the row will have: the organisation's. */
  readonly id: string;
  readonly slug: string;
  /** Null as long as nobody chose one. */
  readonly queuePrefix: string | null;
  readonly state: TradingState;
  readonly stateSince: UtcInstant;
  readonly esmApiUrl: string | null;
  readonly esmClientId: string | null;
  /** Whether there is a sealed secret; it is told to nobody who asks for the configuration. */
  readonly hasEsmClientSecret: boolean;
  /** Who closes it, and why; null unless it is closing. */
  readonly closingBy: string | null;
  readonly closingReason: string | null;
  /** Raised by whatever changes what the broker must look like. */
  readonly wantedVersion: number;
  /** The one that the broker was last seen to look like. */
  readonly provisionedVersion: number;
  /** What stands in the way of that. */
  readonly provisionError: string | null;
  readonly lastSyncAt: UtcInstant | null;
  readonly lastSyncError: string | null;
  readonly createdAt: UtcInstant;
  readonly updatedAt: UtcInstant;
}

const RECORD = `
  select o.id as "orgId", coalesce(c.id, o.id) as id, o.slug, o.queue_prefix as "queuePrefix",
    coalesce(c.state, 'DISABLED') as state, app.instant_text(coalesce(c.state_since, o.created_at)) as "stateSince",
    c.esm_api_url as "esmApiUrl", c.esm_client_id as "esmClientId",
    c.esm_client_secret is not null as "hasEsmClientSecret",
    c.closing_by is not null as "isClosing", c.closing_by as "closingBy", c.closing_reason as "closingReason",
    coalesce(c.wanted_version, 0)::float8 as "wantedVersion",
    coalesce(c.provisioned_version, 0)::float8 as "provisionedVersion", c.provision_error as "provisionError",
    app.instant_text(c.last_sync_at) as "lastSyncAt", c.last_sync_error as "lastSyncError",
    app.instant_text(coalesce(c.created_at, o.created_at)) as "createdAt",
    app.instant_text(greatest(c.updated_at, o.created_at)) as "updatedAt"
  from app.organisation o left join app.trading_config c on c.org_id = o.id`;

const ONE = `${RECORD} where o.id = $1::uuid`;

/** The configuration of an organisation; of one that never configured anything, a disabled one. Null when there is no such organisation. */
export async function findTradingConfig(trx: Trx, orgId: string): Promise<TradingConfigRecord | null> {
  const [record] = await trx.query<TradingConfigRecord>(prepared(ONE, [orgId]));
  return record ?? null;
}

const ALL = `${RECORD} where o.id = any ((select app.orgs())::uuid[]) order by o.slug`;

/** The configurations of all organisations in scope, by slug. */
export function listTradingConfigs(trx: Trx): Promise<TradingConfigRecord[]> {
  return trx.query<TradingConfigRecord>(prepared(ALL, []));
}

const MAKE = `
  insert into app.trading_config (org_id, id, created_at, updated_at)
  select o.id, o.id, clock_timestamp(), clock_timestamp() from app.organisation o where o.id = $1::uuid
  on conflict (org_id) do nothing`;
const LOCK = 'select 1 as locked from app.trading_config where org_id = $1::uuid for update';

/**
 * The same for whoever is about to change it: it has a row from now on, and nobody else changes it until the transaction
 * ends. Null when there is no such organisation.
 */
export async function lockTradingConfig(trx: Trx, orgId: string): Promise<TradingConfigRecord | null> {
  await trx.query(prepared(MAKE, [orgId]));
  await trx.query(prepared(LOCK, [orgId]));
  return findTradingConfig(trx, orgId);
}

/** Members to be replaced; what is left out stays. */
export interface TradingConfigChange {
  readonly esmApiUrl?: string;
  readonly esmClientId?: string;
  /** Sealed for `app.trading_config`, column `esm_client_secret`, row: the configuration's id. */
  readonly sealedEsmClientSecret?: string;
}

const CHANGE = `
  update app.trading_config c
     set esm_api_url = coalesce($2, c.esm_api_url), esm_client_id = coalesce($3, c.esm_client_id),
       esm_client_secret = coalesce($4, c.esm_client_secret), updated_at = clock_timestamp()
   where c.org_id = $1::uuid`;

/** Replaces what is given. The configuration is locked. */
export async function changeTradingConfig(trx: Trx, orgId: string, change: TradingConfigChange): Promise<void> {
  const { esmApiUrl = null, esmClientId = null, sealedEsmClientSecret = null } = change;
  await trx.query(prepared(CHANGE, [orgId, esmApiUrl, esmClientId, sealedEsmClientSecret]));
}

/** Another organisation has the queue prefix; whose it is, is not told. */
export class QueuePrefixTakenError extends Error {
  override readonly name = 'QueuePrefixTakenError';
  readonly code = 'QUEUE_PREFIX_TAKEN';
}

const SET_PREFIX = 'update app.organisation set queue_prefix = $2 where id = $1::uuid';
const UNIQUE_VIOLATION = '23505';

/**
 * Gives an organisation its queue prefix.
 *
 * @throws QueuePrefixTakenError; the transaction can only be given up then
 */
export async function setQueuePrefix(trx: Trx, orgId: string, prefix: string): Promise<void> {
  try {
    await trx.query(prepared(SET_PREFIX, [orgId, prefix]));
  } catch (error) {
    if (isTaken(error)) throw new QueuePrefixTakenError('the queue prefix is in use', { cause: error });
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof DatabaseError) return at.code === UNIQUE_VIOLATION;
  }
  return false;
}

/** How trading is to stand, and who closes it if it is closing. */
export interface NewStanding {
  readonly state: TradingState;
  readonly closing: { readonly by: string; readonly reason: string | null } | null;
}

const SET_STANDING = `
  update app.trading_config c
     set state = $2, closing_by = $3, closing_reason = $4, wanted_version = c.wanted_version + 1,
       updated_at = clock_timestamp()
   where c.org_id = $1::uuid`;

/** Changes how trading stands, for whoever makes the broker look like it. The configuration is locked. */
export async function setTradingStanding(trx: Trx, orgId: string, { state, closing }: NewStanding): Promise<void> {
  const { by = null, reason = null } = closing ?? {};
  await trx.query(
    prepared(SET_STANDING, [
      orgId,
      state,
      by === null ? null : storableText(by),
      reason === null ? null : storableText(reason),
    ]),
  );
}

const SET_PROVISIONED = `
  update app.trading_config c
     set provisioned_version = greatest(c.provisioned_version, least($2::int8, c.wanted_version)), provision_error = null
   where c.org_id = $1::uuid and (c.provisioned_version < $2::int8 or c.provision_error is not null)`;

/** Says that the broker looks as it had to at this version. */
export async function recordProvisioned(trx: Trx, orgId: string, version: number): Promise<void> {
  await trx.query(prepared(SET_PROVISIONED, [orgId, version]));
}

const SET_TROUBLE = `
  update app.trading_config c set provision_error = $2
   where c.org_id = $1::uuid and c.provision_error is distinct from $2`;
const LONGEST_TROUBLE = 1_000;

/** Says what keeps the broker from looking as it has to. */
export async function recordProvisionTrouble(trx: Trx, orgId: string, trouble: string): Promise<void> {
  await trx.query(prepared(SET_TROUBLE, [orgId, storableText(trouble).slice(0, LONGEST_TROUBLE)]));
}
