import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

const WANT = `
  insert into app.trading_config as c (org_id, id, wanted_version, created_at, updated_at)
  values ($1::uuid, $1::uuid, 1, clock_timestamp(), clock_timestamp())
  on conflict (org_id) do update set wanted_version = c.wanted_version + 1`;

/**
 * Says that the broker must look differently for an organisation, for whoever makes it so. To be called in the transaction
 * that changes what it must look like. An organisation that never configured trading stays disabled.
 * Its configuration is locked until the transaction ends.
 */
export async function wantProvisioning(trx: Trx, orgId: string): Promise<void> {
  await trx.query(prepared(WANT, [orgId]));
}
