import { nextPageLink, type Cursors, type ListIdentity, type Position, type Scope } from '@quarterhour/http';

interface ListRequest {
  readonly query: { readonly cursor?: string | undefined };
  readonly scope: Scope;
  readonly url: string;
}

/** One list as one caller sees it: where this page or export begins, and how the rest is asked for. */
export interface Listing {
  readonly position: Position | undefined;
  /** What a request for the rest of the list gives as its cursor. */
  cursorAfter(position: Position): string;
  linkAfter(position: Position): { readonly link: string };
}

export function openListing(cursors: Cursors, route: string, { query, scope, url }: ListRequest): Listing {
  const list: ListIdentity = { route, filters: filtersOf(query), organisations: scope.organisations };
  const cursorAfter = (position: Position): string => cursors.seal(list, position);
  return {
    position: query.cursor === undefined ? undefined : cursors.open(list, query.cursor),
    cursorAfter,
    linkAfter: (position) => ({ link: nextPageLink(url, cursorAfter(position)) }),
  };
}

const NO_FILTERS = new Set(['limit', 'offset', 'cursor']);

function filtersOf(query: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([name]) => !NO_FILTERS.has(name)));
}
