import type { TradingState } from '@quarterhour/domain';
import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';

export { TRADING_STATES, type TradingState } from '@quarterhour/domain';

/** How one organisation's trading stands. */
export interface TradingStateRow {
  readonly orgId: string;
  readonly state: TradingState;
  /** Raised when the broker was made to look as it has to: whoever binds something there looks again. */
  readonly provisionedVersion: number;
}

const STATES = `
  select c.org_id as "orgId", c.state, c.provisioned_version::float8 as "provisionedVersion" from app.trading_config c`;

/** The states of the organisations in scope that ever configured their trading. */
export function listTradingStates(trx: Trx): Promise<TradingStateRow[]> {
  return trx.query<TradingStateRow>(prepared(STATES, []));
}

const ENABLE = `
  insert into app.trading_config as c (org_id, id, state, wanted_version, created_at, updated_at)
  values ($1::uuid, $2::uuid, 'ENABLED', 1, clock_timestamp(), clock_timestamp())
  on conflict (org_id) do update
    set state = 'ENABLED', wanted_version = c.wanted_version + 1, updated_at = clock_timestamp()
    where c.state = 'DISABLED'
  returning c.state`;

/**
 * Enables an organisation that is disabled, for whoever sets an installation up and has no control plane to ask: its
 * queues are provisioned and consumed from then on. Nothing is published about it.
 *
 * @param id of the configuration, where there is none yet
 * @returns whether it was disabled; otherwise its state is as it was
 */
export async function enableTrading(trx: Trx, orgId: string, id: string): Promise<boolean> {
  return (await trx.query(prepared(ENABLE, [orgId, id]))).length > 0;
}
