import type { TradingChange } from '@quarterhour/contracts';
import {
  againAfterDeadlock,
  findTradingConfig,
  lockTradingConfig,
  QueuePrefixTakenError,
  recordAudit,
  setQueuePrefix,
  setTradingStanding,
  type Database,
  type TradingConfigRecord,
  type Trx,
} from '@quarterhour/db';
import { afterAction, TradingTransitionError, type TradingAction, type TradingStanding } from '@quarterhour/domain';
import { RequestRefused } from '@quarterhour/http';
import type { Clock } from '@quarterhour/runtime';
import { missingOf, queuePrefixOf } from './config.js';
import { recordTradingEvent } from './record-event.js';

/** What deciding takes. */
export interface DecidingContext {
  readonly db: Database;
  readonly clock: Clock;
}

/** Who decides what, and why. */
export interface TradingDecision {
  readonly orgId: string;
  readonly action: TradingAction;
  readonly by: string;
  readonly reason: string | null;
}

/**
 * Decides how trading stands: state, what is wanted of the broker, event, outbox and audit entry in one transaction. What
 * is so already stays so, and nothing is written.
 *
 * @returns the configuration as it stands now
 * @throws RequestRefused when the configuration is not complete, its prefix is in use, or the action makes no sense now
 */
export async function decideTrading(ctx: DecidingContext, decision: TradingDecision): Promise<TradingConfigRecord> {
  try {
    return await againAfterDeadlock(() =>
      ctx.db.transaction([decision.orgId], (trx) => decideLocked(trx, ctx.clock, decision)),
    );
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

async function decideLocked(trx: Trx, clock: Clock, decision: TradingDecision): Promise<TradingConfigRecord> {
  const { orgId, action, by, reason } = decision;
  const before = registered(await lockTradingConfig(trx, orgId));
  const standing = afterAction(before, action);
  if (standing === before) return before;
  if (action === 'enable') await complete(trx, before);
  await setTradingStanding(trx, orgId, { state: standing.state, closing: standing.isClosing ? { by, reason } : null });
  const after = registered(await findTradingConfig(trx, orgId));
  await writeDown(trx, clock, { before, after, decision });
  return after;
}

/** Also of an organisation whose slug is its prefix because nobody chose another. */
async function complete(trx: Trx, config: TradingConfigRecord): Promise<void> {
  const missing = missingOf(config);
  if (missing.length > 0) {
    const message = `Trading cannot be enabled without ${missing.join(', ')}.`;
    throw new RequestRefused({ kind: 'precondition', code: 'TRADING_CONFIG_INCOMPLETE', message });
  }
  if (config.queuePrefix === null) await setQueuePrefix(trx, config.orgId, queuePrefixOf(config));
}

interface Decided {
  readonly before: TradingConfigRecord;
  readonly after: TradingConfigRecord;
  readonly decision: TradingDecision;
}

async function writeDown(trx: Trx, clock: Clock, { before, after, decision }: Decided): Promise<void> {
  const { orgId, action, by, reason } = decision;
  const details = { from: nameOfStanding(before), to: nameOfStanding(after) };
  await recordTradingEvent(trx, clock, after, { change: changeOf(before, after), actor: by, reason, details });
  const detail = { ...details, reason };
  await recordAudit(trx, [{ orgId, actor: by, action: `trading.${action}`, subject: after.id, detail }]);
}

/** What the event says that happened. */
function changeOf(before: TradingStanding, after: TradingStanding): TradingChange {
  switch (after.state) {
    case 'ENABLED':
      return before.state === 'PAUSED' ? 'resumed' : 'enabled';
    case 'PAUSED':
      return 'paused';
    case 'DRAINING':
      return 'draining';
    case 'DISABLED':
      return 'disabled';
  }
}

/** As events and audit entries say it. */
export function nameOfStanding({ state, isClosing }: TradingStanding): string {
  return isClosing ? 'CLOSING' : state;
}

/** A verified token may name an organisation that is not registered. */
export function registered(config: TradingConfigRecord | null): TradingConfigRecord {
  if (config === null) throw new RequestRefused({ kind: 'forbidden' });
  return config;
}

/** How what the database and the domain refuse is told. */
export function refusalOf(error: unknown): RequestRefused | undefined {
  if (error instanceof QueuePrefixTakenError) {
    return new RequestRefused({ kind: 'conflict', message: 'The queue prefix is in use; choose another.' });
  }
  if (!(error instanceof TradingTransitionError)) return undefined;
  switch (error.code) {
    case 'trading_not_enabled':
      return new RequestRefused({
        kind: 'precondition',
        code: 'TRADING_NOT_ENABLED',
        message: 'Trading is not enabled.',
      });
    case 'trading_draining':
      return new RequestRefused({
        kind: 'conflict',
        message: 'Trading is being drained. Enable it to open it again, or disable it.',
      });
  }
}
