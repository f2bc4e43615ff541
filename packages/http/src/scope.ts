import { z } from 'zod';
import { InvalidRequestError, RequestRefused } from './refusal.js';
import { isAllowed } from './roles.js';
import type { Principal } from './token.js';

/** Whose data a request may see. */
export interface Scope {
  /** Organisation ids in lower case, sorted. Empty when the request names an organisation that is not the caller's. */
  readonly organisations: readonly string[];
  /** The same without the id under which data without an organisation is kept. */
  readonly owners: readonly string[];
}

/** What decides about the scope beside the token. */
export interface ScopeRequest {
  /** Header `x-org-id`, if sent. */
  readonly organisationHeader: string | undefined;
  /** Whether the address names one thing (it has a path parameter). */
  readonly namesOneThing: boolean;
  /** Id under which data without an organisation is kept; visible with `quarantine:read-unowned` only. */
  readonly unownedOrganisation: string;
}

const organisationId = z.guid().toLowerCase();

/**
 * Works out the organisations of a request: all of the token's, or the one that `x-org-id` picks.
 *
 * Another organisation's id gives an empty scope where the address names one thing, so that the answer is the one for a
 * thing that does not exist; elsewhere it is refused.
 *
 * @throws InvalidRequestError when `x-org-id` is not a UUID
 * @throws RequestRefused `forbidden`, or `organisation-required` when the token has no organisation at all
 */
export function scopeOf(principal: Principal, request: ScopeRequest): Scope {
  const visible = visibleTo(principal, request.unownedOrganisation);
  if (request.organisationHeader === undefined) {
    if (visible.length === 0) throw new RequestRefused({ kind: 'organisation-required' });
    return scoped(visible, request);
  }
  const picked = pickedOrganisation(request.organisationHeader);
  if (visible.includes(picked)) return scoped([picked], request);
  if (request.namesOneThing) return scoped([], request);
  throw new RequestRefused({ kind: 'forbidden' });
}

/**
 * The one organisation that something is done for.
 *
 * @throws RequestRefused `organisation-required` when the request leaves open which
 */
export function oneOrganisation({ owners }: Scope): string {
  const [only, ...others] = owners;
  if (only === undefined || others.length > 0) throw new RequestRefused({ kind: 'organisation-required' });
  return only;
}

function scoped(organisations: readonly string[], { unownedOrganisation }: ScopeRequest): Scope {
  return { organisations, owners: organisations.filter((id) => id !== unownedOrganisation) };
}

/** A token cannot claim what belongs to nobody; only the role can. */
function visibleTo({ organisations, roles }: Principal, unowned: string): string[] {
  const own = organisations.filter((organisation) => organisation !== unowned);
  return isAllowed(roles, 'quarantine:read-unowned') ? [...own, unowned].sort() : own;
}

function pickedOrganisation(header: string): string {
  const parsed = organisationId.safeParse(header);
  if (parsed.success) return parsed.data;
  throw new InvalidRequestError([
    {
      in: 'header',
      path: ['x-org-id'],
      code: 'uuid_parsing',
      message: 'Give one organisation id, a UUID',
      input: header,
    },
  ]);
}
