import type { OrganisationRow } from '@quarterhour/db';

const SHORTEST_PREFIX = 2;
const LONGEST_PREFIX = 50;

/** The queue prefix of an organisation; where nobody chose one, its slug, as far as that can be one. */
export function queuePrefixOf({ queuePrefix, slug }: Pick<OrganisationRow, 'queuePrefix' | 'slug'>): string {
  return queuePrefix ?? slug.slice(0, LONGEST_PREFIX).replace(/-+$/, '').padEnd(SHORTEST_PREFIX, '0');
}
