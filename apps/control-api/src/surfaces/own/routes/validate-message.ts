import {
  validateMessageBody,
  validateMessageResponse,
  type MessageValidation,
  type ValidateMessageBody,
} from '@quarterhour/contracts';
import { NO_ORGANISATION, signingKeyPlace } from '@quarterhour/db';
import { json, noParameters, NotFoundError, ownSurface, route, type Principal } from '@quarterhour/http';
import {
  dryRun,
  signingKeyBytes,
  type Draft,
  type DryRun,
  type Register,
  type SigningKeys,
} from '@quarterhour/ingestion';
import type { ApiContext } from '../../../api-context.js';

export const validateMessageRoute = route({
  surface: ownSurface,
  method: 'post',
  path: '/messages/validate',
  operationId: 'validateMessage',
  summary: 'Say what would become of a message',
  description:
    'Nothing is stored and nothing is answered over AMQP. What depends on earlier messages is not known here: whether it is a copy, contradicts, comes too fast, or takes back a schedule that is not there.',
  tag: 'Ingestion',
  capability: 'messages:validate',
  apiKeyScope: 'vcp:read',
  params: noParameters,
  query: noParameters,
  body: validateMessageBody,
  responses: { 200: { description: 'What would become of it.', schema: validateMessageResponse } },
  handler: async ({ body, scope, principal }, ctx: ApiContext) => {
    await ctx.register.refresh();
    const register = ctx.register.current.within(scope.owners);
    const signingKeys: SigningKeys = {
      of: ({ orgId, id, sealedSigningKey }) =>
        signingKeyBytes(ctx.keyRing.open(sealedSigningKey, signingKeyPlace(orgId, id))),
    };
    const draft = draftOf(body, senderOf(body, principal, register, scope.owners));
    const { clock, commandRules } = ctx;
    return json(present(dryRun(draft, { register, nowMillis: clock.nowMillis(), signingKeys, commandRules })));
  },
});

/** A key publishes in its own virtual host and in no other. @throws NotFoundError for a key that is not the caller's */
function senderOf(
  { key_id: named }: ValidateMessageBody,
  { apiKey }: Principal,
  register: Register,
  owners: readonly string[],
): Draft['sender'] {
  const keyId = named ?? apiKey?.id;
  if (keyId === undefined) return null;
  const orgId = owners.find((owner) => register.key(owner, keyId) !== undefined);
  if (orgId === undefined || (apiKey !== undefined && apiKey.id !== keyId)) throw new NotFoundError('api_key');
  return { keyId, orgId };
}

function draftOf(message: ValidateMessageBody, sender: Draft['sender']): Draft {
  const { exchange, routing_key: routingKey, body, properties = {} } = message;
  return {
    exchange,
    routingKey,
    body: typeof body === 'string' ? Buffer.from(body, 'base64') : Buffer.from(JSON.stringify(body)),
    properties: {
      messageId: properties.message_id,
      contentType: properties.content_type,
      contentEncoding: properties.content_encoding,
      type: properties.type,
      appId: properties.app_id,
      headers: properties.headers ?? {},
    },
    sender,
  };
}

const NOTHING: Omit<MessageValidation, 'result'> = {
  stream: null,
  queue: null,
  organisation_id: null,
  message_id: null,
  reason: null,
  path: null,
  detail: null,
  waits_for: null,
  is_replayable: null,
  answer: null,
  signature: null,
};

function present(run: DryRun): MessageValidation {
  if (run.result === 'unroutable') return { ...NOTHING, result: run.result };
  if (run.result === 'not_allowed') {
    const detail = run.needs.length === 0 ? 'no scope allows this routing key' : run.needs.join(' or ');
    return { ...NOTHING, result: run.result, detail };
  }
  const { queue, stream, messageId, orgId } = run;
  const reached = {
    ...NOTHING,
    queue,
    stream,
    message_id: messageId,
    organisation_id: orgId === NO_ORGANISATION ? null : orgId,
  };
  switch (run.result) {
    case 'taken':
      return {
        ...reached,
        result: run.result,
        signature: run.signature,
        answer: stream === 'partner-command' ? 'ACK' : null,
      };
    case 'rejected':
      return {
        ...reached,
        result: run.result,
        reason: run.code,
        detail: run.detail,
        answer: run.isAnswered ? 'NACK' : null,
        signature: run.signature,
      };
    case 'quarantined': {
      const { reason, path, detail, waitsFor } = run.fault;
      const result = waitsFor === null ? 'quarantined' : 'parked';
      return { ...reached, result, reason, path, detail, waits_for: waitsFor, is_replayable: run.isReplayable };
    }
  }
}
