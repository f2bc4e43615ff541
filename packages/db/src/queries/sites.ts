import type { Trx } from '../pool.js';
import type { KeyColumns, Page, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { prepared, StatementParameters } from '../statement.js';
import type { CountedPage } from './api-keys.js';
import { findPlant, findPlantByExternalId, type PlantRow } from './register.js';

/**
 * Columns that a projection of plants as a partner's sites may show. The EANs are the plant's external ids of the schemes
 * `ean_cons` and `ean_prod`.
 */
export type SiteColumn = 'id' | 'name' | 'external_plant_id' | 'ean_cons' | 'ean_prod' | 'time_zone' | 'market_zone';

/** One page of sites, by its number. */
export interface SiteQuery {
  /** Rows that come before the page. */
  readonly offset: number;
  readonly limit: number;
}

const COUNT = 'select count(*)::int as total from app.plant';

/** One page of the plants of every organisation in scope, in the order in which they were registered. */
export async function listSites(
  trx: Trx,
  { offset, limit }: SiteQuery,
  projection: Projection<SiteColumn>,
): Promise<CountedPage> {
  const parameters = new StatementParameters();
  const rows = `
    select p.id, p.name, p.external_plant_id, ${ean('ean_cons')} as ean_cons, ${ean('ean_prod')} as ean_prod, p.time_zone,
      p.market_zone
    from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select p.* from app.plant p where p.org_id = o.org_id
      order by p.id limit ${parameters.bind(offset + limit)}::int8) p
    order by p.id
    offset ${parameters.bind(offset)}::int8 limit ${parameters.bind(limit)}::int8`;
  const page: Page<{ id: string }> = await queryPage(trx, { rows, parameters, projection, key: KEY, limit });
  const [counted] = await trx.query<{ total: number }>(prepared(COUNT, []));
  return { json: page.json, total: counted?.total ?? 0 };
}

const KEY: KeyColumns<{ readonly id: string }> = { id: { column: 'id', as: 'uuid' } };

function ean(scheme: 'ean_cons' | 'ean_prod'): string {
  return `(select min(x.value) from app.external_id x
      where x.org_id = p.org_id and x.plant_id = p.id and x.scheme = '${scheme}')`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The plant that a partner means: by our id, else by its own. Null when there is none in scope. */
export async function findSite(trx: Trx, siteId: string): Promise<PlantRow | null> {
  const byId = UUID.test(siteId) ? await findPlant(trx, siteId) : null;
  return byId ?? (await findPlantByExternalId(trx, siteId));
}
