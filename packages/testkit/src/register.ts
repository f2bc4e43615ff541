import { randomBytes, randomUUID } from 'node:crypto';
import { createAsset, createOrganisation, createPlant } from '@quarterhour/db';
import type { Database, NewAsset, OrganisationRow, PlantRow, TradingState } from '@quarterhour/db';

const SET_TRADING_STATE = `
  insert into app.trading_config (org_id, id, state, wanted_version, created_at, updated_at)
  values ($1::uuid, gen_random_uuid(), $2::text, 1, now(), now())
  on conflict (org_id) do update
    set state = excluded.state, wanted_version = app.trading_config.wanted_version + 1, updated_at = now()`;

/** Sets how an organisation's trading stands, as if its control plane had: without an event, and whatever it was. */
export async function setTradingState(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  state: TradingState,
): Promise<void> {
  await db.transaction([orgId], (trx) => trx.query({ text: SET_TRADING_STATE, values: [orgId, state] }));
}

/**
 * Registers an organisation that publishes by itself and whose queues are consumed, its days being Berlin's.
 *
 * @param different `tradingState` null leaves it without a trading configuration
 */
export async function anOrganisation(
  db: Database,
  {
    tradingState = 'ENABLED',
    ...different
  }: Partial<OrganisationRow> & { readonly tradingState?: TradingState | null } = {},
): Promise<OrganisationRow> {
  const slug = `partner-${randomBytes(4).toString('hex')}`;
  const organisation = {
    id: randomUUID(),
    slug,
    name: 'A partner',
    queuePrefix: slug,
    marketZone: 'Europe/Berlin',
    ...different,
  };
  await db.transaction([organisation.id], (trx) => createOrganisation(trx, organisation));
  if (tradingState !== null) await setTradingState(db, organisation, tradingState);
  return organisation;
}

const INSERT_KEY = `
  insert into app.api_key (id, org_id, name, key_prefix, key_digest, signing_key, scopes, created_by, created_at, updated_at,
    expires_at, revoked_at, revoked_by)
  values ($1::uuid, $2::uuid, 'A key', 'vcp_test', $3::bytea, $5, $6::text[], 'test', now(), now(),
    now() + $4::float8 * interval '1 millisecond', null, null)`;

/**
 * Registers a key of an organisation that nobody can use: nobody knows what its digest is of.
 *
 * @param expiresInMs negative when it has expired already, null when it does not expire
 * @returns its id
 */
export async function anApiKey(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  {
    id = randomUUID(),
    expiresInMs = null,
    sealedSigningKey = 'sealed',
    scopes = ['vcp:connect'],
  }: {
    readonly id?: string;
    readonly expiresInMs?: number | null;
    readonly sealedSigningKey?: string;
    readonly scopes?: readonly string[];
  } = {},
): Promise<string> {
  const values = [id, orgId, randomBytes(32), expiresInMs, sealedSigningKey, `{${scopes.join(',')}}`];
  await db.transaction([orgId], (trx) => trx.query({ text: INSERT_KEY, values }));
  return id;
}

/** Revokes a key, as if its owner had. */
export async function revokeApiKey(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  keyId: string,
): Promise<void> {
  const text = `update app.api_key set revoked_at = now(), revoked_by = 'test', updated_at = now() where id = $1::uuid`;
  await db.transaction([orgId], (trx) => trx.query({ text, values: [keyId] }));
}

/** Registers a plant of an organisation, in its market zone. */
export async function aPlant(
  db: Database,
  { id: orgId, marketZone }: Pick<OrganisationRow, 'id' | 'marketZone'>,
  different: Partial<Omit<PlantRow, 'orgId'>> = {},
): Promise<PlantRow> {
  const id = randomUUID();
  const plant = {
    id,
    externalPlantId: `plant-${id.slice(0, 8)}`,
    name: 'A plant',
    timeZone: marketZone,
    marketZone,
    ...different,
    orgId,
  };
  await db.transaction([orgId], (trx) => createPlant(trx, plant));
  return plant;
}

/**
 * Registers a battery in 50HZ that no plant measures.
 *
 * @returns its id: the first one in a database is `DE_50HZ_WU_1`, the one that `aDispatch` is for
 */
export async function anAsset(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  different: Partial<Omit<NewAsset, 'orgId'>> = {},
): Promise<string> {
  const asset: NewAsset = {
    plantId: null,
    deviceId: null,
    code: 'WU',
    name: 'A battery',
    type: 'BESS',
    region: 'DE',
    deliveryArea: '50HZ',
    provider: 'ASSET_SIMULATOR',
    ...different,
    orgId,
  };
  return db.transaction([orgId], (trx) => createAsset(trx, asset));
}
