import {
  againAfterDeadlock,
  findApiKeyOwner,
  recordAudit,
  revokeApiKey,
  wantProvisioning,
  type Trx,
} from '@quarterhour/db';
import { NotFoundError, type Scope } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { begunOnBroker } from './begun-on-broker.js';

interface Revoking {
  readonly id: string;
  readonly scope: Scope;
  readonly by: string;
}

/**
 * Revokes a key, for ever: from the commit on nobody gets in with it. What it has open on the broker is closed then, again and
 * again until its virtual host is gone, since the broker goes by older answers about it for a while. A key that is revoked
 * already stays so, and what may still be open is closed once more.
 *
 * @throws NotFoundError when it is not there, or another organisation's
 */
export async function revokeKey(ctx: ApiContext, { id, scope, by }: Revoking): Promise<void> {
  const orgId = await againAfterDeadlock(() =>
    ctx.db.transaction(scope.owners, (trx) => revokeLocked(trx, { id, by })),
  );
  await begunOnBroker(ctx, orgId);
}

/** The organisation's configuration is locked first, as by whoever decides about its trading. */
async function revokeLocked(trx: Trx, { id, by }: Pick<Revoking, 'id' | 'by'>): Promise<string> {
  const orgId = await findApiKeyOwner(trx, id);
  if (orgId === null) throw new NotFoundError('api_key');
  await wantProvisioning(trx, orgId);
  const revoked = await revokeApiKey(trx, { id, by });
  if (revoked?.isRevokedNow === true) {
    const detail = { name: revoked.name };
    await recordAudit(trx, [{ orgId, actor: by, action: 'key.revoke', subject: id, detail }]);
  }
  return orgId;
}
