import { randomBytes } from 'node:crypto';
import { partnerVhost, type MintApiKeyBody, type MintedApiKey } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  findOrganisation,
  insertApiKey,
  listLiveApiKeys,
  recordAudit,
  signingKeyPlace,
  wantProvisioning,
  type Trx,
} from '@quarterhour/db';
import { compareInstants, instantFromEpochMillis, parseInstant, type UtcInstant } from '@quarterhour/domain';
import { apiKeyDigest, apiKeyPrefix, InvalidRequestError, newApiKey, RequestRefused } from '@quarterhour/http';
import { v7 as uuidv7 } from 'uuid';
import type { ApiContext } from '../../api-context.js';
import { connectionBundleOf } from './connection-bundle.js';

/** Each has a virtual host of its own on the broker, with its queues. */
const MOST_LIVE_KEYS = 20;
const SIGNING_KEY_BYTES = 32;

interface Minting {
  readonly orgId: string;
  readonly by: string;
  readonly asked: MintApiKeyBody;
}

/**
 * Makes a key and keeps of it what finds it: in one transaction with what the broker must look like from now on, and with
 * its audit entry.
 *
 * @returns all of it, for the one time that it is shown
 * @throws InvalidRequestError when it would be over already
 * @throws RequestRefused `conflict` when the organisation has as many keys as it may have
 */
export async function mintKey(ctx: ApiContext, minting: Minting): Promise<MintedApiKey> {
  const expiresAt = futureInstant(minting.asked.expiresAt, ctx);
  return againAfterDeadlock(() =>
    ctx.db.transaction([minting.orgId], (trx) => mintLocked(trx, ctx, { ...minting, expiresAt })),
  );
}

async function mintLocked(
  trx: Trx,
  ctx: ApiContext,
  { orgId, by, asked, expiresAt }: Minting & { readonly expiresAt: UtcInstant | null },
): Promise<MintedApiKey> {
  const organisation = await findOrganisation(trx, orgId);
  if (organisation === null) throw new RequestRefused({ kind: 'forbidden' });
  await wantProvisioning(trx, orgId);
  await assertRoom(trx);
  const { name, scopes, allowedIps } = asked;
  const [id, key, signingKey] = [uuidv7(), newApiKey(), randomBytes(SIGNING_KEY_BYTES).toString('hex')];
  const createdAt = await insertApiKey(trx, {
    orgId,
    id,
    name,
    keyPrefix: apiKeyPrefix(key),
    keyDigest: apiKeyDigest(ctx.apiKeyPepper, key),
    sealedSigningKey: ctx.keyRing.seal(signingKey, signingKeyPlace(orgId, id)),
    scopes,
    allowedIps,
    createdBy: by,
    expiresAt,
  });
  const detail = { name, scopes, allowed_ips: allowedIps, expires_at: expiresAt, key_prefix: apiKeyPrefix(key) };
  await recordAudit(trx, [{ orgId, actor: by, action: 'key.mint', subject: id, detail }]);
  return {
    id,
    name,
    keyPrefix: apiKeyPrefix(key),
    scopes,
    allowedIps,
    vhost: partnerVhost(id),
    partnerId: orgId,
    isActive: true,
    expiresAt,
    lastUsedAt: null,
    createdBy: by,
    creator: { id: by },
    organizationId: orgId,
    createdAt,
    updatedAt: createdAt,
    key,
    signingKey,
    connectionBundle: connectionBundleOf(id, organisation, ctx.partnerAddresses),
  };
}

/** The organisation's configuration is locked: nobody else makes a key meanwhile. */
async function assertRoom(trx: Trx): Promise<void> {
  const live = await listLiveApiKeys(trx);
  if (live.length < MOST_LIVE_KEYS) return;
  const message = `There are ${MOST_LIVE_KEYS} keys that can be used, and no more: revoke one first.`;
  throw new RequestRefused({ kind: 'conflict', message });
}

function futureInstant(text: string | null, { clock }: ApiContext): UtcInstant | null {
  if (text === null) return null;
  const instant = parseInstant(text);
  if (compareInstants(instant, instantFromEpochMillis(clock.nowMillis())) > 0) return instant;
  const complaint = { code: 'instant_in_past', message: 'The key would be over already', input: text };
  throw new InvalidRequestError([{ in: 'body', path: ['expiresAt'], ...complaint }]);
}
