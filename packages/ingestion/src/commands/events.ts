import {
  commandAckKey,
  EXCHANGES,
  partnerVhost,
  VCP_VERSION,
  type VcpAckEvent,
  type VcpAckPayload,
} from '@quarterhour/contracts';
import type { KeptCommand, OutgoingRow } from '@quarterhour/db';
import { v5 as uuidv5 } from 'uuid';

/** Where an event goes, and who says so in it. */
export interface EventAddress {
  readonly keyId: string;
  readonly prefix: string;
  /** `source` of the envelope. */
  readonly source: string;
}

/** `siteId` of an answer to what named none. */
const NO_SITE = 'unknown';

/** Names the answers to a command, so that they are the same whenever they are made. */
const ACK_NAMESPACE = '7a0c7c52-6f4b-4c3e-9d2e-3b1f5a8e9d10';

/**
 * What a key is told about one site comes in order. Another key's waits for its own virtual host only.
 *
 * @param site our id of the plant, or what was named where there is no such plant
 */
export function siteOrder(keyId: string, site: string): string {
  return `key ${keyId} site ${site}`.slice(0, LONGEST_ORDER);
}

const LONGEST_ORDER = 200;

/**
 * The answer to a command. It follows from what is kept of the command alone: asked again, it is the same to the byte.
 *
 * @throws TypeError when the command is not answered
 */
export function ackMessage(command: KeptCommand, { keyId, prefix, source }: EventAddress): OutgoingRow {
  const event = ackEvent(command, source);
  return {
    orgId: command.orgId,
    vhost: partnerVhost(keyId),
    exchange: EXCHANGES.vcp,
    routingKey: commandAckKey(prefix),
    orderKey: siteOrder(keyId, event.siteId),
    messageId: event.messageId,
    body: Buffer.from(JSON.stringify(event)),
  };
}

function ackEvent(command: KeptCommand, source: string): VcpAckEvent {
  return {
    version: VCP_VERSION,
    messageId: uuidv5(command.id, ACK_NAMESPACE),
    correlationId: command.correlationId ?? command.messageId,
    timestamp: command.receivedAt,
    source,
    siteId: command.plantId ?? command.siteId ?? NO_SITE,
    payload: ackPayload(command),
  };
}

function ackPayload({ messageId, ackStatus, rejectionReason, receivedAt }: KeptCommand): VcpAckPayload {
  if (ackStatus === null) throw new TypeError('a command that is not answered has no answer');
  return {
    commandMessageId: messageId,
    status: ackStatus,
    ...(rejectionReason === null ? {} : { rejectionReason }),
    receivedAt,
  };
}
