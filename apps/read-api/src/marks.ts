import { knownAt, knownNow, measuredKnownAt, type Mark, type Page, type Trx } from '@quarterhour/db';
import { compareInstants, parseInstant, type UtcInstant } from '@quarterhour/domain';
import type { Position, Scope } from '@quarterhour/http';
import { instantIn, refused } from './query-instants.js';

interface Asked {
  readonly as_of?: string | undefined;
}

/** What a route that marks its answer says of the header, for its description. */
export const KNOWN_AT_HEADER = {
  'Quarterhour-Known-At': 'Up to when the answer knows things. As as_of it gives the answer again.',
} as const;

/** Up to when a list of agreed data knows things: what its first page fixed, else what was asked for or is settled now. */
export async function agreedBound(trx: Trx, asked: Asked, position: Position | undefined): Promise<UtcInstant> {
  if (typeof position?.knownAt === 'string') return parseInstant(position.knownAt);
  return boundBy(asked, (await knownAt(trx)) ?? (await measuredKnownAt(trx)));
}

/**
 * The same for a list whose window ends now: its end is this bound, so that `as_of` with it gives the same window again.
 */
export async function boundOfNow(trx: Trx, asked: Asked, position: Position | undefined): Promise<UtcInstant> {
  if (typeof position?.knownAt === 'string') return parseInstant(position.knownAt);
  return boundBy(asked, (await knownNow(trx)) ?? (await measuredKnownAt(trx)));
}

/**
 * The same for one page; undefined where the page itself tells: the first one of a single organisation, of which nothing
 * older is asked for.
 */
export async function boundOfPage(
  trx: Trx,
  asked: Asked,
  position: Position | undefined,
  { organisations }: Scope,
): Promise<UtcInstant | undefined> {
  const tellsItself = organisations.length === 1 && asked.as_of === undefined && position === undefined;
  return tellsItself ? undefined : agreedBound(trx, asked, position);
}

/** Up to when a page knows things that was read without a bound. */
export async function markOfPage(trx: Trx, { knownAt: told }: Pick<Page<unknown>, 'knownAt'>): Promise<UtcInstant> {
  return told ?? (await measuredKnownAt(trx)).knownAt;
}

export async function measuredBound(trx: Trx, asked: Asked): Promise<UtcInstant> {
  return (await measuredMark(trx, asked)).bound;
}

/** The same for measured data, and the database's clock. */
export async function measuredMark(
  trx: Trx,
  asked: Asked,
): Promise<{ readonly bound: UtcInstant; readonly now: UtcInstant }> {
  const mark = await measuredKnownAt(trx);
  return { bound: boundBy(asked, mark), now: mark.now };
}

export function saying(bound: UtcInstant): { readonly 'quarterhour-known-at': UtcInstant } {
  return { 'quarterhour-known-at': bound };
}

function boundBy({ as_of: text }: Asked, mark: Mark): UtcInstant {
  if (text === undefined) return mark.knownAt;
  const asOf = instantIn('as_of', text);
  if (compareInstants(asOf, mark.now) > 0) {
    throw refused('as_of', text, {
      code: 'instant_in_future',
      message: `as_of lies ahead of the database's clock, ${mark.now}: what will be known then is not known yet`,
      context: { now: mark.now },
    });
  }
  return compareInstants(asOf, mark.knownAt) < 0 ? asOf : mark.knownAt;
}
