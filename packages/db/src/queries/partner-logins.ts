import type { Database } from '../pool.js';
import { prepared } from '../statement.js';
import type { TradingState } from './trading-states.js';

/** A live API key, with what its organisation may do at this moment. */
export interface PartnerLogin {
  readonly keyId: string;
  readonly slug: string;
  /** Null when the organisation publishes nothing itself. */
  readonly queuePrefix: string | null;
  readonly state: TradingState;
  readonly scopes: readonly string[];
  /** CIDR; none means from anywhere. */
  readonly allowedIps: readonly string[];
}

const ORGANISATION = 'select id from app.organisation where slug = $1';

const LOGIN = `
  select k.id as "keyId", o.slug, o.queue_prefix as "queuePrefix", coalesce(c.state, 'DISABLED') as state, k.scopes,
    k.allowed_ips as "allowedIps"
  from app.api_key k
  join app.organisation o on o.id = k.org_id
  left join app.trading_config c on c.org_id = k.org_id
  where k.org_id = $1::uuid and k.id = $2::uuid
    and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())`;

/**
 * The live key of an organisation, as it stands now. For the control role, which may list every organisation.
 *
 * @param login the organisation's slug, and the key's id
 * @returns null when there is no such organisation, the key is not its own, or it is revoked or expired now
 */
export async function findPartnerLogin(
  db: Database,
  login: { readonly slug: string; readonly keyId: string },
): Promise<PartnerLogin | null> {
  const [organisation] = await db.read([], (trx) => trx.query<{ id: string }>(prepared(ORGANISATION, [login.slug])));
  if (organisation === undefined) return null;
  const { id } = organisation;
  const [found] = await db.read([id], (trx) => trx.query<PartnerLogin>(prepared(LOGIN, [id, login.keyId])));
  return found ?? null;
}
