import { hash } from 'node:crypto';
import { scopesToPublish, VCP_VERSION, vcpEnvelope } from '@quarterhour/contracts';
import { canonicalText, refuseInexactNumbers } from '../canonical.js';
import type { PartnerCommandFact } from '../commands/fact.js';
import { kindOf, NO_TERMS, type CommandTerms } from '../commands/kinds.js';
import { isVouchedFor, RefusalError } from '../commands/refusal.js';
import { DEFAULT_COMMAND_RULES, type CommandRules } from '../commands/rules.js';
import { isSignedWith } from '../commands/signature.js';
import { storeCommands } from '../commands/store.js';
import { decode, type DecodedBody } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { FaultError, type ReceiveContext, type Received } from '../received.js';
import type { Register } from '../register.js';
import { instantAt, jsonTextAt, shaped } from '../shape.js';
import { PRECIOUS, type Stream } from '../stream.js';
import { textOf, understanding } from '../understanding.js';

/** Commands and schedules of partners: natural key message id, answered, never parked and never replayed. */
export const partnerCommandStream: Stream<PartnerCommandFact> = {
  name: 'partner-command',
  limits: PRECIOUS,
  ownerOf: ({ owner }) => owner ?? null,
  receive,
  partitionDays: () => [],
  prepare: (batch) => ({ store: (trx) => storeCommands(trx, batch) }),
};

function receive(delivery: Delivery, ctx: ReceiveContext): Received<PartnerCommandFact> {
  return understanding(delivery, (claims) => {
    const { owner, keyId } = delivery;
    const organisation = owner === undefined ? undefined : ctx.register.organisation(owner);
    if (organisation === undefined || keyId === undefined || organisation.queuePrefix === null) {
      throw new FaultError('schema', null, "commands are taken in a partner's own virtual host only");
    }
    const body = decode(delivery, PRECIOUS.bodyBytes);
    claims.messageId = textOf(body.value['messageId']);
    const messageId = shaped(vcpEnvelope.shape.messageId, body.value['messageId'], ['messageId']);
    const came = { delivery, body, messageId, orgId: organisation.id, keyId, prefix: organisation.queuePrefix };
    return factOf(came, ctx);
  });
}

/** A message that has an id, and the key by which it came. */
interface Came {
  readonly delivery: Delivery;
  readonly body: DecodedBody;
  readonly messageId: string;
  readonly orgId: string;
  readonly keyId: string;
  readonly prefix: string;
}

function factOf(came: Came, ctx: ReceiveContext): PartnerCommandFact {
  const { delivery, orgId, keyId, prefix, messageId } = came;
  const rules = ctx.commandRules ?? DEFAULT_COMMAND_RULES;
  const made = madeOut(came, ctx.register);
  const judged = judge(came, made, ctx, rules);
  const refusal = judged instanceof RefusalError ? judged.refusal : null;
  return {
    orgId,
    keyId,
    prefix,
    rules,
    routingKey: delivery.routingKey,
    messageId,
    ...made,
    ...(judged instanceof RefusalError ? NO_TERMS : judged),
    contentSha256: isVouchedFor(refusal) ? contentHash(came) : rawHash(came, 'unvouched'),
    body: delivery.body,
    refusal,
    isOfUnknown: refusal?.code === 'UNKNOWN_SITE',
  };
}

type MadeOut = Pick<
  PartnerCommandFact,
  'correlationId' | 'kind' | 'source' | 'siteId' | 'plantId' | 'publishedAt' | 'payload'
>;

/** What can be read of a message, whatever else is wrong with it. */
function madeOut({ delivery, body: { value }, orgId }: Came, register: Register): MadeOut {
  const { correlationId, source, siteId, timestamp } = vcpEnvelope.shape;
  const kind = kindOf(wordsOf(delivery))?.type ?? null;
  const site = legible(() => shaped(siteId, value['siteId']));
  const plant = site === null || kind === null ? undefined : register.plantOf(orgId, site);
  return {
    correlationId: legible(() => shaped(correlationId, value['correlationId']) ?? null),
    kind,
    source: legible(() => shaped(source, value['source'])),
    siteId: site,
    plantId: plant?.id ?? null,
    publishedAt: legible(() => instantAt(shaped(timestamp, value['timestamp']), 'timestamp')),
    payload: legible(() => jsonTextAt(shaped(vcpEnvelope.shape.payload, value['payload']), 'payload')) ?? '{}',
  };
}

function legible<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof FaultError) return null;
    throw error;
  }
}

/** What is wrong first: nothing of a message that nobody vouched for is looked at. */
function judge(came: Came, made: MadeOut, ctx: ReceiveContext, rules: CommandRules): CommandTerms | RefusalError {
  try {
    const kind = kindOf(wordsOf(came.delivery));
    refuseUnvouched(came, ctx, kind?.needsSignature(rules) === true);
    refuseOtherVersion(came);
    const { payload } = shaped(vcpEnvelope, came.body.value);
    refuseInexactNumbers(came.body.longestNumber);
    canonicalText(came.body.value);
    refuseOtherIdentity(came);
    refuseUnscoped(came, ctx);
    if (kind === null) throw new RefusalError('SCHEMA', 'the routing key asks for nothing that there is');
    instantAt(String(came.body.value['timestamp']), 'timestamp');
    jsonTextAt(payload, 'payload');
    if (made.plantId === null) throw new RefusalError('UNKNOWN_SITE', 'siteId: no plant of yours has that id');
    return kind.termsOf(payload);
  } catch (error) {
    if (error instanceof RefusalError) return error;
    if (!(error instanceof FaultError)) throw error;
    const { path, detail } = error.fault;
    return new RefusalError('SCHEMA', path === null ? detail : `${path}: ${detail}`);
  }
}

function refuseUnvouched({ body: { value }, orgId, keyId }: Came, ctx: ReceiveContext, isDue: boolean): void {
  const isThere = value['signature'] !== undefined && value['signature'] !== null;
  if (!isThere && isDue) throw new RefusalError('UNSIGNED', 'a message of this family has to be signed');
  if (!isThere) return;
  const key = ctx.register.key(orgId, keyId);
  if (key === undefined || ctx.signingKeys === undefined || !isRightlySigned(value, ctx.signingKeys.of(key))) {
    throw new RefusalError('SIGNATURE', 'the signature is not that of this key for this message');
  }
}

function isRightlySigned(value: DecodedBody['value'], key: Buffer): boolean {
  return legible(() => isSignedWith(value, key)) === true;
}

function refuseOtherVersion({ body: { value } }: Came): void {
  if (value['version'] !== VCP_VERSION) throw new RefusalError('VERSION', `version: only "${VCP_VERSION}" is taken`);
}

/** Members by which others name an organisation. They are not ours to read, and must not contradict. */
const NAMES_OF_OWNER = ['orgId', 'organizationId', 'organisationId', 'org_id', 'organisation_id'];

/** Whose a message is follows from the transport; what says otherwise is refused. */
function refuseOtherIdentity({ delivery, body: { value }, orgId, prefix }: Came): void {
  if (delivery.routingKey.split('.')[0] !== prefix) {
    throw new RefusalError('IDENTITY', 'the routing key does not begin with your prefix');
  }
  for (const name of NAMES_OF_OWNER) {
    if (value[name] !== undefined && value[name] !== orgId) {
      throw new RefusalError('IDENTITY', `${name}: names another organisation than the one that publishes here`);
    }
  }
}

/** The broker has asked before it took the message; but a key may lose a scope, and headers may lead past a routing key. */
function refuseUnscoped({ delivery, orgId, keyId }: Came, ctx: ReceiveContext): void {
  const key = ctx.register.key(orgId, keyId);
  const hasEnded = key === undefined || (key.endsAtMillis !== null && key.endsAtMillis <= ctx.nowMillis);
  if (hasEnded) throw new RefusalError('NOT_ALLOWED', 'the key is revoked or expired');
  const needed = scopesToPublish(wordsOf(delivery)) ?? [];
  if (!needed.some((scope) => key.scopes.includes(scope))) {
    throw new RefusalError('NOT_ALLOWED', 'the key has no scope for this routing key');
  }
}

function wordsOf({ routingKey }: Delivery): string[] {
  return routingKey.split('.').slice(1);
}

/** Two messages are the same when content and routing key are: under another key the same bytes ask for something else. */
function contentHash(came: Came): Buffer {
  const { signature, ...content } = came.body.value;
  const text = legible(() => canonicalText(content));
  return text === null ? rawHash(came, 'no canonical form') : hashOf(`${came.delivery.routingKey}\n${text}`);
}

/** Of bytes that cannot be compared otherwise, never that of a message that can. */
function rawHash({ delivery }: Came, why: string): Buffer {
  return hashOf(Buffer.concat([Buffer.from(`${why} ${delivery.routingKey}\n`), delivery.body]));
}

function hashOf(content: string | Buffer): Buffer {
  return hash('sha256', content, 'buffer');
}
