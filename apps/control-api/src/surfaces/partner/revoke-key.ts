import { partnerVhost } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  findApiKeyOwner,
  findOrganisation,
  recordAudit,
  revokeApiKey,
  wantProvisioning,
  type Trx,
} from '@quarterhour/db';
import { NotFoundError, type Scope } from '@quarterhour/http';
import { endsWithin } from '@quarterhour/runtime';
import type { ApiContext } from '../../api-context.js';

/** The database refuses the key already; a broker that is slow or down is left to what repeats this. */
const BROKER_WAIT_MS = 2_000;

interface Revoking {
  readonly id: string;
  readonly scope: Scope;
  readonly by: string;
}

/**
 * Revokes a key, for ever: from the commit on nobody gets in with it, and what it has open on the broker is closed. A key
 * that is revoked already stays so, and what may still be open is closed again.
 *
 * @throws NotFoundError when it is not there, or another organisation's
 */
export async function revokeKey(ctx: ApiContext, { id, scope, by }: Revoking): Promise<void> {
  const { orgId, user } = await againAfterDeadlock(() =>
    ctx.db.transaction(scope.owners, (trx) => revokeLocked(trx, { id, by })),
  );
  const ended = ctx.sessions.end({ vhost: partnerVhost(id), user });
  await endsWithin(BROKER_WAIT_MS, Promise.all([ended, ctx.provision(orgId)]));
}

/** The organisation's configuration is locked first, as by whoever decides about its trading. */
async function revokeLocked(trx: Trx, { id, by }: Pick<Revoking, 'id' | 'by'>) {
  const orgId = await findApiKeyOwner(trx, id);
  const organisation = orgId === null ? null : await findOrganisation(trx, orgId);
  if (orgId === null || organisation === null) throw new NotFoundError('api_key');
  await wantProvisioning(trx, orgId);
  const revoked = await revokeApiKey(trx, { id, by });
  if (revoked?.isRevokedNow === true) {
    const detail = { name: revoked.name };
    await recordAudit(trx, [{ orgId, actor: by, action: 'key.revoke', subject: id, detail }]);
  }
  return { orgId, user: organisation.slug };
}
