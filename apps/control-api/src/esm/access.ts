import { findEsmAccess, type Database } from '@quarterhour/db';
import { Secret, type KeyRing } from '@quarterhour/runtime';

/** How an organisation's ESM is reached, as whom. */
export interface EsmAccess {
  readonly orgId: string;
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret<string>;
  /** Another whenever one of them is; says nothing of them. */
  readonly version: string;
}

/** What finding it takes. */
export interface AccessContext {
  readonly db: Database;
  readonly keyRing: Pick<KeyRing, 'open'>;
}

/** How an organisation's ESM is reached; null when it named none, or not all that it takes. */
export async function openEsmAccess({ db, keyRing }: AccessContext, orgId: string): Promise<EsmAccess | null> {
  const found = await db.read([orgId], (trx) => findEsmAccess(trx, orgId));
  if (found === null) return null;
  const { configId: rowId, apiUrl: baseUrl, clientId, sealedClientSecret } = found;
  const place = { orgId, table: 'app.trading_config', column: 'esm_client_secret', rowId };
  return {
    orgId,
    baseUrl,
    clientId,
    clientSecret: new Secret(keyRing.open(sealedClientSecret, place)),
    version: JSON.stringify([baseUrl, clientId, sealedClientSecret]),
  };
}
