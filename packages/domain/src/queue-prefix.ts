const SHORTEST = 2;
const LONGEST = 50;

/**
 * The queue prefix of an organisation that chose none: its slug, as far as that can be a prefix. Of a slug of more than 50
 * characters it is the beginning, without hyphens at its end; one that is too short is filled up with `0`.
 */
export function defaultQueuePrefix(slug: string): string {
  return slug.slice(0, LONGEST).replace(/-+$/, '').padEnd(SHORTEST, '0');
}
