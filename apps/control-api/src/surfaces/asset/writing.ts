import {
  againAfterDeadlock,
  findAnsweredRequest,
  findKnownAssets,
  raiseKnownAt,
  recordAudit,
  rememberAnswer,
  type AuditEntry,
  type KnownAsset,
  type Trx,
} from '@quarterhour/db';
import type { UtcInstant } from '@quarterhour/domain';
import {
  InvalidRequestError,
  keyUsedOtherwise,
  NotFoundError,
  oneOrganisation,
  RequestRefused,
  type ParsedRequest,
  type Repetition,
  type RequestIssue,
  type TextReply,
} from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { actorOf } from '../../deciding.js';

type Written = Pick<ParsedRequest<unknown, unknown, unknown>, 'principal' | 'repetition' | 'scope'>;

/** One write of the asset API: everything in one transaction, of one organisation. */
export interface Writing {
  readonly trx: Trx;
  readonly orgId: string;
  /** The organisation's `known_at` of this transaction: what is written bears it. */
  readonly stamp: UtcInstant;
  readonly by: string;
  /** Writes down who did what to what. */
  audit(entry: Pick<AuditEntry, 'action' | 'subject' | 'detail'>): Promise<void>;
}

/**
 * Does one write of the asset API. The organisation's head is raised first, so that its writes come one after the other, in
 * the order of their stamps; nobody waits for another organisation. What a deadlock ended is done again.
 *
 * A request that is repeated under its key gets the answer that it got first, and nothing is written.
 *
 * @param thing what the address names, if it names one: to a caller who picked an organisation of somebody else's it is not there
 * @throws RequestRefused when the organisation is not clear, or not registered
 * @throws InvalidRequestError when the key was used for another request
 */
export async function writing(
  { db }: Pick<ApiContext, 'db'>,
  { principal, repetition, scope }: Written,
  thing: string | null,
  work: (writing: Writing) => Promise<TextReply>,
): Promise<TextReply> {
  if (thing !== null && scope.organisations.length === 0) throw new NotFoundError(thing);
  const orgId = oneOrganisation(scope);
  const by = actorOf(principal);
  const once = async (trx: Trx): Promise<TextReply> => {
    const stamp = (await raiseKnownAt(trx, [orgId])).get(orgId);
    if (stamp === undefined) throw new RequestRefused({ kind: 'forbidden' });
    const audit: Writing['audit'] = (entry) => recordAudit(trx, [{ orgId, actor: by, ...entry }]);
    const said = async (): Promise<TextReply> => stamped(await work({ trx, orgId, stamp, by, audit }), stamp);
    return repetition === undefined ? said() : repeatable(trx, orgId, repetition, said);
  };
  return againAfterDeadlock(() => db.transaction([orgId], once));
}

/** Whoever wrote can ask for what was known just then. */
function stamped(reply: TextReply, stamp: UtcInstant): TextReply {
  return { ...reply, headers: { ...reply.headers, 'quarterhour-known-at': stamp } };
}

async function repeatable(
  trx: Trx,
  orgId: string,
  repetition: Repetition,
  answer: () => Promise<TextReply>,
): Promise<TextReply> {
  const { key, sha256: requestSha256 } = repetition;
  const first = await findAnsweredRequest(trx, orgId, key);
  if (first === null) {
    const reply = await answer();
    const { status, headers, text: body } = reply;
    await rememberAnswer(trx, orgId, { key, requestSha256, status, headers, body });
    return reply;
  }
  if (!first.requestSha256.equals(requestSha256)) throw keyUsedOtherwise(repetition);
  return { status: first.status, contentType: 'application/json', headers: first.headers, text: first.body };
}

/**
 * The assets of a batch, all of them.
 *
 * @throws NotFoundError that names every id that the organisation does not have
 */
export async function knownAssets(
  { trx, orgId }: Writing,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownAsset>> {
  const known = await findKnownAssets(trx, orgId, ids);
  const unknown = unknownOf(ids, known);
  if (unknown.length > 0) throw new NotFoundError('asset', `There is no asset ${unknown.join(', ')}.`);
  return known;
}

/**
 * The same where an unknown asset is a fault of the body.
 *
 * @param pathOf where in the body the id at an index stands
 * @throws InvalidRequestError `unknown_asset`, one complaint for each id, at its first place
 */
export async function knownAssetsOfBody(
  { trx, orgId }: Writing,
  ids: readonly string[],
  pathOf: (index: number) => RequestIssue['path'],
): Promise<ReadonlyMap<string, KnownAsset>> {
  const known = await findKnownAssets(trx, orgId, ids);
  const unknown = unknownOf(ids, known);
  if (unknown.length > 0) {
    const firstPlaces = new Map(ids.map((id, index) => [id, index] as const).toReversed());
    throw new InvalidRequestError(
      unknown.map((id) => ({
        in: 'body',
        path: pathOf(firstPlaces.get(id) ?? 0),
        code: 'unknown_asset',
        message: `There is no asset ${id}`,
        input: id,
      })),
    );
  }
  return known;
}

function unknownOf(ids: readonly string[], known: ReadonlyMap<string, KnownAsset>): string[] {
  return [...new Set(ids)].filter((id) => !known.has(id));
}
