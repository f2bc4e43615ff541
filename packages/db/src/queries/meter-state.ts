import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

/** A plant as its meters are known to the grid. */
export interface MeteredSite {
  readonly orgId: string;
  readonly id: string;
  readonly eanCons: string | null;
  readonly eanProd: string | null;
}

const BY_EAN = `
  select x.org_id as "orgId", x.plant_id as id,
    (select min(c.value) from app.external_id c
      where c.org_id = x.org_id and c.plant_id = x.plant_id and c.scheme = 'ean_cons') as "eanCons",
    (select min(p.value) from app.external_id p
      where p.org_id = x.org_id and p.plant_id = x.plant_id and p.scheme = 'ean_prod') as "eanProd"
  from app.external_id x
  where x.scheme in ('ean_cons', 'ean_prod') and x.value = $1 and x.plant_id is not null limit 1`;

/** The plant in scope that has an EAN, of consumption or of production; null when none has. */
export async function findSiteByEan(trx: Trx, ean: string): Promise<MeteredSite | null> {
  const [found] = await trx.query<MeteredSite>(prepared(BY_EAN, [ean]));
  return found ?? null;
}

const ADD_EAN = `
  insert into app.external_id (scheme, value, org_id, plant_id)
  select scheme, value, $1::uuid, $2::uuid from unnest($3::text[], $4::text[]) as e (scheme, value)`;

/**
 * Gives a plant its EANs.
 *
 * @throws a `data` error when one of them is taken (23505), by whomever
 */
export async function addPlantEans(
  trx: Trx,
  { orgId, id }: Pick<MeteredSite, 'orgId' | 'id'>,
  { eanCons, eanProd }: { readonly eanCons?: string; readonly eanProd?: string },
): Promise<void> {
  const eans = [
    ['ean_cons', eanCons],
    ['ean_prod', eanProd],
  ].filter((pair): pair is [string, string] => pair[1] !== undefined);
  const [schemes, values] = [eans.map(([scheme]) => scheme), eans.map(([, value]) => value)];
  await trx.query(prepared(ADD_EAN, [orgId, id, textArray(schemes), textArray(values)]));
}

/** A register of a meter as it was read last. Counters in kWh. */
export interface RegisterReading {
  readonly readAt: UtcInstant;
  readonly deviceId: string;
  readonly role: string | null;
  readonly register: string;
  readonly valueKwh: number;
  readonly dataQuality: string;
}

/** The planner must see the instant, to leave out the partitions before it. */
const LAST = `
  with recent as materialized (
    select t.* from app.telemetry_meter t
     where t.org_id = $1::uuid and t.plant_id = $2::uuid and t.read_at > $3::timestamptz and t.value_kwh is not null)
  select app.instant_text(r.read_at) as "readAt", r.device_id as "deviceId", r.role, r.register, r.value_kwh as "valueKwh",
    r.data_quality as "dataQuality"
  from recent r where r.read_at = (select max(read_at) from recent) order by r.device_id, r.register`;

const SINCE = `select (clock_timestamp() - $1::float8 * interval '1 second')::text as since`;

/** All registers of a plant's newest reading, by device and register; none when it is older than so many seconds. */
export async function listLastRegisters(
  trx: Trx,
  { orgId, id }: Pick<MeteredSite, 'orgId' | 'id'>,
  freshSeconds: number,
): Promise<RegisterReading[]> {
  const [clock] = await trx.query<{ since: string }>(prepared(SINCE, [freshSeconds]));
  return trx.query<RegisterReading>({ text: LAST, values: [orgId, id, clock?.since ?? 'infinity'] });
}
