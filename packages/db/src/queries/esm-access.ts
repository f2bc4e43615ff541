import type { TradingState } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
import { storableText } from '../storable.js';

/** How an organisation's energy management system (ESM) is reached, complete. */
export interface EsmAccessRecord {
  readonly orgId: string;
  /** Of the trading configuration. */
  readonly configId: string;
  readonly apiUrl: string;
  readonly clientId: string;
  /** Sealed for `app.trading_config`, column `esm_client_secret`, row: the configuration's id. */
  readonly sealedClientSecret: string;
  readonly tradingState: TradingState;
}

const COMPLETE = 'c.esm_api_url is not null and c.esm_client_id is not null and c.esm_client_secret is not null';

const ACCESS = `
  select c.org_id as "orgId", c.id as "configId", c.esm_api_url as "apiUrl", c.esm_client_id as "clientId",
    c.esm_client_secret as "sealedClientSecret", c.state as "tradingState"
    from app.trading_config c where c.org_id = $1::uuid and ${COMPLETE}`;

/** How an organisation's ESM is reached; null when URL, client id or secret is missing. */
export async function findEsmAccess(trx: Trx, orgId: string): Promise<EsmAccessRecord | null> {
  const [access] = await trx.query<EsmAccessRecord>(prepared(ACCESS, [orgId]));
  return access ?? null;
}

const DUE = `
  select c.org_id as "orgId" from app.trading_config c
   where c.state = 'ENABLED' and ${COMPLETE}
     and (c.last_sync_at is null or c.last_sync_at <= clock_timestamp() - $1::float8 * interval '1 millisecond')
   order by c.last_sync_at nulls first, c.org_id`;

/**
 * Organisations in scope that are enabled, have an ESM, and whose plant list was not asked for within a time; those that
 * wait longest come first.
 */
export async function listSyncsDue(trx: Trx, { everyMs }: { readonly everyMs: number }): Promise<string[]> {
  const rows = await trx.query<{ orgId: string }>(prepared(DUE, [everyMs]));
  return rows.map(({ orgId }) => orgId);
}

const RECORD = `
  update app.trading_config c set last_sync_at = clock_timestamp(), last_sync_error = $2 where c.org_id = $1::uuid`;
const LONGEST_ERROR = 1_000;

/** Says that an organisation's plant list was asked for now, and what was wrong; null for nothing. */
export async function recordSync(trx: Trx, orgId: string, error: string | null): Promise<void> {
  await trx.query(prepared(RECORD, [orgId, error === null ? null : storableText(error).slice(0, LONGEST_ERROR)]));
}

/** A plant of ours, and the id by which its ESM knows it. */
export interface PlantLink {
  readonly orgId: string;
  readonly plantId: string;
  readonly externalPlantId: string;
}

const LINK = `
  update app.plant p set external_plant_id = $3
   where p.org_id = $1::uuid and p.id = $2::uuid and p.external_plant_id is null
     and not exists (select from app.plant o where o.org_id = $1::uuid and o.external_plant_id = $3)
  returning p.id`;

/** Links a plant that has no link yet to an id that no other plant of its organisation has. @returns whether it did */
export async function linkPlant(trx: Trx, { orgId, plantId, externalPlantId }: PlantLink): Promise<boolean> {
  return (await trx.query(prepared(LINK, [orgId, plantId, externalPlantId]))).length > 0;
}
