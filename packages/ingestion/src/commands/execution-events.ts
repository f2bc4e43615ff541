import {
  EXCHANGES,
  VCP_VERSION,
  alarmKey,
  executionKey,
  partnerVhost,
  type ExecutionState,
  type VcpAlarmEvent,
  type VcpAlarmPayload,
  type VcpExecutionEvent,
} from '@quarterhour/contracts';
import type { OutgoingRow, SenderOfCommand } from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import { v7 as uuidv7 } from 'uuid';
import { siteOrder } from './events.js';

/** Who is told about a command of a plant. */
export interface Addressee extends SenderOfCommand {
  readonly orgId: string;
  readonly plantId: string;
}

/** When something is told, and who says so. */
export interface Told {
  /** The database's clock. */
  readonly at: UtcInstant;
  /** `source` of the envelope. */
  readonly source: string;
}

/** What became of a command that was taken. */
export interface Execution {
  readonly status: ExecutionState;
  readonly executedAt: UtcInstant | null;
  /** A code of `EXECUTION_REASONS`, perhaps with a colon and a sentence. */
  readonly reason: string | null;
}

/**
 * Tells a partner what became of its command, in the order in which its site's answers are told. Nothing where the key that
 * it came by is gone.
 */
export function executionEvent(to: Addressee, execution: Execution, { at, source }: Told): readonly OutgoingRow[] {
  const { status, executedAt, reason } = execution;
  return eventTo(to, executionKey, (messageId): VcpExecutionEvent => ({
    version: VCP_VERSION,
    messageId,
    correlationId: to.correlationId ?? to.messageId,
    timestamp: at,
    source,
    siteId: to.plantId,
    payload: {
      commandMessageId: to.messageId,
      status,
      ...(executedAt === null ? {} : { executedAt }),
      ...(reason === null ? {} : { reason }),
    },
  }));
}

/** Tells a partner of an alarm about a command of its own, as {@link executionEvent} does. */
export function alarmEvent(to: Addressee, alarm: VcpAlarmPayload, { at, source }: Told): readonly OutgoingRow[] {
  return eventTo(to, alarmKey, (messageId): VcpAlarmEvent => ({
    version: VCP_VERSION,
    messageId,
    correlationId: to.correlationId ?? to.messageId,
    timestamp: at,
    source,
    siteId: to.plantId,
    payload: alarm,
  }));
}

function eventTo(
  { orgId, plantId, keyId, queuePrefix }: Addressee,
  keyOf: (prefix: string) => string,
  eventWith: (messageId: string) => object,
): readonly OutgoingRow[] {
  if (keyId === null || queuePrefix === null) return [];
  const messageId = uuidv7();
  return [
    {
      orgId,
      vhost: partnerVhost(keyId),
      exchange: EXCHANGES.vcp,
      routingKey: keyOf(queuePrefix),
      orderKey: siteOrder(keyId, plantId),
      messageId,
      body: Buffer.from(JSON.stringify(eventWith(messageId))),
    },
  ];
}
