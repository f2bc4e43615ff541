import { nextPageLink, type Cursors, type ListIdentity, type Position, type Scope } from '@quarterhour/http';

interface ListRequest {
  readonly query: { readonly limit: number; readonly cursor?: string | undefined };
  readonly scope: Scope;
  readonly url: string;
}

/** One list as one caller sees it: where this page begins, and the link to the next. */
export interface Listing {
  readonly position: Position | undefined;
  linkAfter(position: Position): { readonly link: string };
}

export function openListing(cursors: Cursors, route: string, { query, scope, url }: ListRequest): Listing {
  const list: ListIdentity = { route, filters: filtersOf(query), organisations: scope.organisations };
  return {
    position: query.cursor === undefined ? undefined : cursors.open(list, query.cursor),
    linkAfter: (position) => ({ link: nextPageLink(url, cursors.seal(list, position)) }),
  };
}

const NO_FILTERS = new Set(['limit', 'offset', 'cursor']);

function filtersOf(query: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([name]) => !NO_FILTERS.has(name)));
}
