import { randomUUID } from 'node:crypto';
import { insertApiKey, revokeApiKey, type Database, type NewApiKey, type OrganisationRow } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { apiKeyDigest, apiKeyPrefix, newApiKey } from '@quarterhour/http';
import { PEPPER } from './api.js';

/** Gives an organisation a key that may read, as the control API does. */
export async function aKeyOf(
  db: Database,
  { id: orgId }: Pick<OrganisationRow, 'id'>,
  { expiresAt, ...different }: Partial<Omit<NewApiKey, 'expiresAt'>> & { readonly expiresAt?: string } = {},
): Promise<{ readonly id: string; readonly key: string }> {
  const [id, key] = [randomUUID(), newApiKey()];
  await db.transaction([orgId], (trx) =>
    insertApiKey(trx, {
      orgId,
      id,
      name: 'A key',
      keyPrefix: apiKeyPrefix(key),
      keyDigest: apiKeyDigest(PEPPER, key),
      sealedSigningKey: 'sealed',
      scopes: ['vcp:read'],
      allowedIps: [],
      createdBy: 'ada',
      expiresAt: expiresAt === undefined ? null : parseInstant(expiresAt),
      ...different,
    }),
  );
  return { id, key };
}

export async function revoke(db: Database, { id: orgId }: Pick<OrganisationRow, 'id'>, id: string): Promise<void> {
  await db.transaction([orgId], (trx) => revokeApiKey(trx, { id, by: 'bob' }));
}
