import {
  inboundQueue,
  INBOUND_FAMILIES,
  isBoundBy,
  partnerTopology,
  partnerVhostTopology,
  QUEUES,
  REASONS,
  scopesToPublish,
  staticTopology,
  type InboundFamily,
  type StreamName,
  type Topology,
} from '@quarterhour/contracts';
import { instantFromEpochMillis } from '@quarterhour/domain';
import { Decisions } from './commands/decisions.js';
import type { PartnerCommandFact } from './commands/fact.js';
import type { Delivery } from './delivery.js';
import type { Fault, ReceiveContext, Received } from './received.js';
import type { Register } from './register.js';
import { partnerCommandStream } from './streams/partner-command.js';
import { withStream } from './streams/index.js';

/** A message that nobody has published. */
export interface Draft extends Pick<Delivery, 'exchange' | 'routingKey' | 'body' | 'properties'> {
  /** The key in whose virtual host it would be published; null for our own. */
  readonly sender: { readonly keyId: string; readonly orgId: string } | null;
}

/** What is to be said of a signature: a wrong one is worse than none where none is due. */
export type SignatureVerdict = 'valid' | 'wrong' | 'missing' | 'not_due';

/** What would become of a message, as far as can be told without having stored anything. */
export type DryRun =
  /** No queue takes it: a publisher that says `mandatory` gets it back. */
  | { readonly result: 'unroutable' }
  /** The broker closes the channel: the key has no scope for the routing key. */
  | { readonly result: 'not_allowed'; readonly needs: readonly string[] }
  | (Reached & { readonly result: 'taken'; readonly signature: SignatureVerdict | null })
  | (Reached & {
      readonly result: 'rejected';
      readonly code: string;
      readonly detail: string;
      readonly isAnswered: boolean;
      readonly signature: SignatureVerdict;
    })
  | (Reached & { readonly result: 'quarantined'; readonly fault: Fault; readonly isReplayable: boolean });

interface Reached {
  readonly queue: string;
  readonly stream: StreamName;
  readonly orgId: string;
  readonly messageId: string | null;
}

/**
 * Says what would become of a message, and stores nothing.
 *
 * The same `receive` as for a delivery; a command is decided about as well, by the time of the context and by how trading
 * stands in its register. What depends on what came before is not known here: whether it is a copy, contradicts, comes too
 * fast, or takes back a schedule that is not there.
 */
export function dryRun(draft: Draft, ctx: ReceiveContext): DryRun {
  const needs = scopesMissing(draft, ctx.register);
  if (needs !== null) return { result: 'not_allowed', needs };
  const reached = queueReached(draft, ctx.register);
  if (reached === null) return { result: 'unroutable' };
  const delivery = deliveryOf(draft, reached.queue);
  if (reached.stream === 'partner-command') return commandRun(delivery, ctx, reached.queue);
  return withStream(reached.stream, (stream) => outcomeOf(stream.receive(delivery, ctx), reached));
}

interface QueueReached {
  readonly queue: string;
  readonly stream: StreamName;
}

/** A key that ended may do nothing. Null when the broker would let it. */
function scopesMissing({ sender, routingKey }: Draft, register: Register): readonly string[] | null {
  if (sender === null) return null;
  const needed = scopesToPublish(routingKey.split('.').slice(1)) ?? [];
  const scopes = register.key(sender.orgId, sender.keyId)?.scopes ?? [];
  return needed.some((scope) => scopes.includes(scope)) ? null : needed;
}

function queueReached({ sender, exchange, routingKey }: Draft, register: Register): QueueReached | null {
  const { prefix, topologies } =
    sender === null ? centralPlace(routingKey, register) : keyPlace(sender.orgId, register);
  for (const binding of topologies.flatMap(({ bindings }) => bindings)) {
    if (binding.exchange !== exchange || !isBoundBy(binding.routingKey, routingKey)) continue;
    const stream = streamOf(binding.queue, prefix);
    if (stream !== null) return { queue: binding.queue, stream };
  }
  return null;
}

interface Place {
  readonly prefix: string | null;
  readonly topologies: readonly Topology[];
}

function centralPlace(routingKey: string, register: Register): Place {
  const prefix = routingKey.split('.')[0] ?? '';
  const isPartner = register.organisationByPrefix(prefix) !== undefined;
  return isPartner
    ? { prefix, topologies: [staticTopology(), partnerTopology(prefix)] }
    : { prefix: null, topologies: [staticTopology()] };
}

function keyPlace(orgId: string, register: Register): Place {
  const prefix = register.organisation(orgId)?.queuePrefix ?? null;
  return { prefix, topologies: prefix === null ? [] : [partnerVhostTopology(prefix)] };
}

/** Null for a queue that nothing is stored from. */
function streamOf(queue: string, prefix: string | null): StreamName | null {
  const family = INBOUND_FAMILIES.find((one) => prefix !== null && inboundQueue(prefix, one).name === queue);
  if (family !== undefined) return STREAM_OF_FAMILY[family];
  switch (queue) {
    case QUEUES.dispatch:
      return 'dispatch';
    case QUEUES.fleetTelemetry:
      return 'plant-telemetry';
    case QUEUES.assetStatus:
      return 'asset-status';
    case QUEUES.tradingConfig:
      return 'trading-config';
    case QUEUES.fleetAnswers:
      return 'command-answer';
    default:
      return null;
  }
}

const STREAM_OF_FAMILY: Readonly<Record<InboundFamily, StreamName>> = {
  telemetry: 'plant-telemetry',
  config: 'trading-config',
  command: 'partner-command',
  schedule: 'partner-command',
};

function deliveryOf({ sender, ...message }: Draft, queue: string): Delivery {
  const place = sender === null ? {} : { owner: sender.orgId, keyId: sender.keyId };
  return { ...message, queue, redelivered: false, ...place };
}

function outcomeOf(received: Received<unknown>, { queue, stream }: QueueReached): DryRun {
  const reached = { queue, stream, orgId: received.orgId, messageId: received.messageId };
  if (received.kind === 'understood') return { ...reached, result: 'taken', signature: null };
  const { fault } = received;
  return { ...reached, result: 'quarantined', fault, isReplayable: REASONS[fault.reason].replayable };
}

function commandRun(delivery: Delivery, ctx: ReceiveContext, queue: string): DryRun {
  const received = partnerCommandStream.receive(delivery, ctx);
  const found = { queue, stream: 'partner-command' } as const;
  if (received.kind === 'refused') {
    const { fault } = received;
    return {
      ...found,
      orgId: received.orgId,
      messageId: received.messageId,
      result: 'quarantined',
      fault,
      isReplayable: false,
    };
  }
  const { fact, orgId, messageId } = received;
  const signature = signatureVerdict(fact, delivery);
  const reached = { ...found, orgId, messageId };
  const decided = new Decisions({
    commands: [],
    schedules: [],
    paces: [],
    states: new Map([[orgId, ctx.register.tradingState(orgId)]]),
  });
  decided.decide(fact, instantFromEpochMillis(ctx.nowMillis));
  const [command] = decided.commands;
  const refusal = command?.rejectionReason ?? null;
  if (refusal === null || refusal.startsWith('UNKNOWN_SCHEDULE')) return { ...reached, result: 'taken', signature };
  const [code = '', ...detail] = refusal.split(': ');
  return {
    ...reached,
    result: 'rejected',
    code,
    detail: detail.join(': '),
    isAnswered: command?.ackStatus === 'NACK',
    signature,
  };
}

function signatureVerdict({ refusal }: PartnerCommandFact, { body }: Delivery): SignatureVerdict {
  if (refusal?.code === 'UNSIGNED') return 'missing';
  if (refusal?.code === 'SIGNATURE') return 'wrong';
  const envelope: unknown = JSON.parse(body.toString('utf8'));
  const isSigned = typeof envelope === 'object' && envelope !== null && 'signature' in envelope;
  return isSigned && typeof envelope.signature === 'string' ? 'valid' : 'not_due';
}
