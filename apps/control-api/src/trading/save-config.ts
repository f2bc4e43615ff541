import type { SaveTradingConfigBody } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  changeTradingConfig,
  findTradingConfig,
  lockTradingConfig,
  recordAudit,
  setQueuePrefix,
  type TradingConfigChange,
  type TradingConfigRecord,
  type Trx,
} from '@quarterhour/db';
import { InvalidRequestError, RequestRefused } from '@quarterhour/http';
import { judgePartnerUrl, type KeyRing, type PartnerUrlRules } from '@quarterhour/runtime';
import { refusalOf, registered, type DecidingContext } from './decide.js';
import { queuePrefixOf } from './config.js';
import { recordTradingEvent } from './record-event.js';

/** What saving a configuration takes. */
export interface SavingContext extends DecidingContext {
  readonly keyRing: Pick<KeyRing, 'seal'>;
  readonly partnerUrls: PartnerUrlRules;
}

/** Who saves what. */
export interface ConfigToSave {
  readonly orgId: string;
  readonly by: string;
  readonly wanted: SaveTradingConfigBody;
}

/**
 * Saves what differs from what is kept, with its event and its audit entry, in one transaction. Of the secret nobody can
 * say whether it differs, so a given one always does.
 *
 * @returns the configuration as it stands now
 * @throws InvalidRequestError when the URL is not one to call, or the prefix changes while trading takes part
 * @throws RequestRefused when the prefix is in use
 */
export async function saveTradingConfig(ctx: SavingContext, { orgId, by, wanted }: ConfigToSave) {
  const judged = withJudgedUrl(wanted, ctx.partnerUrls);
  try {
    return await againAfterDeadlock(() =>
      ctx.db.transaction([orgId], (trx) => saveLocked(trx, ctx, { orgId, by, wanted: judged })),
    );
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

async function saveLocked(
  trx: Trx,
  ctx: SavingContext,
  { orgId, by, wanted }: ConfigToSave,
): Promise<TradingConfigRecord> {
  const before = registered(await lockTradingConfig(trx, orgId));
  const changed = changedMembers(before, wanted);
  if (changed.length === 0) return before;
  if (changed.includes('queuePrefix') && wanted.queuePrefix !== undefined) {
    if (before.state !== 'DISABLED') throw prefixInUse(wanted.queuePrefix);
    if (before.provisionedVersion !== before.wantedVersion) throw queuesLeft();
    await setQueuePrefix(trx, orgId, wanted.queuePrefix);
  }
  await changeTradingConfig(trx, orgId, sealed(ctx.keyRing, before, wanted));
  const after = registered(await findTradingConfig(trx, orgId));
  const details = { changed, esm_api_url: after.esmApiUrl, esm_client_id: after.esmClientId };
  await recordTradingEvent(trx, ctx.clock, after, { change: 'updated', actor: by, reason: null, details });
  const detail = { ...details, queue_prefix: after.queuePrefix };
  await recordAudit(trx, [{ orgId, actor: by, action: 'trading.configure', subject: after.id, detail }]);
  return after;
}

function withJudgedUrl(wanted: SaveTradingConfigBody, rules: PartnerUrlRules): SaveTradingConfigBody {
  if (wanted.esmApiUrl === undefined) return wanted;
  const verdict = judgePartnerUrl(wanted.esmApiUrl, rules);
  if (verdict.isAllowed) return { ...wanted, esmApiUrl: verdict.url };
  throw new InvalidRequestError([
    {
      in: 'body',
      path: ['esmApiUrl'],
      code: 'esm_url_not_allowed',
      message: `ESM_URL_NOT_ALLOWED: ${verdict.why}`,
      input: wanted.esmApiUrl,
    },
  ]);
}

function changedMembers(before: TradingConfigRecord, wanted: SaveTradingConfigBody): string[] {
  const kept: Readonly<Record<keyof SaveTradingConfigBody, string | null>> = {
    esmApiUrl: before.esmApiUrl,
    esmClientId: before.esmClientId,
    esmClientSecret: null,
    queuePrefix: before.state === 'DISABLED' ? before.queuePrefix : queuePrefixOf(before),
  };
  return Object.entries(kept).flatMap(([name, value]) => {
    const given = Object.entries(wanted).find(([member]) => member === name)?.[1];
    return given === undefined || given === value ? [] : [name];
  });
}

function sealed(
  keyRing: Pick<KeyRing, 'seal'>,
  { orgId, id: rowId }: TradingConfigRecord,
  { esmApiUrl, esmClientId, esmClientSecret: secret }: SaveTradingConfigBody,
): TradingConfigChange {
  const place = { orgId, table: 'app.trading_config', column: 'esm_client_secret', rowId };
  return {
    ...(esmApiUrl === undefined ? {} : { esmApiUrl }),
    ...(esmClientId === undefined ? {} : { esmClientId }),
    ...(secret === undefined ? {} : { sealedEsmClientSecret: keyRing.seal(secret, place) }),
  };
}

function prefixInUse(input: string): InvalidRequestError {
  return new InvalidRequestError([
    {
      in: 'body',
      path: ['queuePrefix'],
      code: 'trading_not_disabled',
      message: 'The queue prefix changes only while trading is disabled',
      input,
    },
  ]);
}

/** Under another prefix they would not be found any more. */
function queuesLeft(): RequestRefused {
  const message = 'The queues of the prefix until now are not removed yet; ask again in a moment.';
  return new RequestRefused({ kind: 'conflict', message });
}
