import { NO_ORGANISATION, listOrganisations, type OrganisationRow } from '@quarterhour/db';
import { ingestDatabaseUrl, type Settings } from './config.js';
import { withDatabase } from './database.js';
import { CommandFailure } from './failure.js';

type Named = Pick<OrganisationRow, 'id' | 'slug'>;

/** Every organisation, by slug. Asks as the ingest role, the only one beside the administrator that may list them. */
export function everyOrganisation(settings: Settings): Promise<OrganisationRow[]> {
  return withDatabase(ingestDatabaseUrl(settings), (db) => db.read([], listOrganisations));
}

/** A scope that leaves nothing out: every organisation, and what belongs to nobody that is known. */
export function everything(organisations: readonly Named[]): string[] {
  return [...organisations.map(({ id }) => id), NO_ORGANISATION];
}

export function organisationBySlug<O extends Named>(organisations: readonly O[], slug: string): O {
  const found = organisations.find((organisation) => organisation.slug === slug);
  if (found !== undefined) return found;
  const known = organisations.map((organisation) => organisation.slug);
  throw new CommandFailure(`there is no organisation ${slug}`, {
    remedy:
      known.length === 0
        ? 'Register it first: quarterhour organisation add.'
        : `There are: ${known.join(', ')}. "quarterhour organisation add" registers another.`,
  });
}

/** The one that was named, or all of them. */
export function organisationsNamed(all: readonly OrganisationRow[], slug: string | undefined): OrganisationRow[] {
  return slug === undefined ? [...all] : [organisationBySlug(all, slug)];
}

export function slugsById(organisations: readonly Named[]): ReadonlyMap<string, string> {
  return new Map(organisations.map(({ id, slug }) => [id, slug]));
}

const DEMO_SLUG = 'demo';

/** Whose example or token it is when nobody was named: the demo's, else the only one's. */
export function defaultOrganisation<O extends Named>(all: readonly O[]): O {
  const [only, ...others] = all;
  const found = all.find(({ slug }) => slug === DEMO_SLUG) ?? (others.length === 0 ? only : undefined);
  if (found !== undefined) return found;
  throw new CommandFailure(all.length === 0 ? 'no organisation is registered' : 'there are several organisations', {
    remedy:
      all.length === 0
        ? 'Register one: quarterhour organisation add.'
        : `Name one with --organisation: ${all.map(({ slug }) => slug).join(', ')}.`,
  });
}
