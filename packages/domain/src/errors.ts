/**
 * A rule of the field was broken: the value had the right shape and still means nothing here.
 *
 * Subclasses narrow `code` to the stable codes they carry; decide by class or code, never by the message, which is
 * written for people and says what was wrong and what would be right.
 */
export abstract class DomainError extends Error {
  abstract override readonly name: string;

  /** Stable, snake_case, safe to show and to branch on. */
  abstract readonly code: string;
}
