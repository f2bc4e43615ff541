import { entityTagOf, matchingTag } from './entity-tag.js';
import { RequestRefused } from './refusal.js';

/** What a caller who is about to change one resource says about it, in the header If-Match. */
export interface Precondition {
  /**
   * To be asked in the transaction of the change, once nobody else can change the resource.
   *
   * @param text what the GET of the resource would answer now
   * @throws RequestRefused `precondition-failed` when the caller has seen something else; without the header nothing is wrong
   */
  check(text: string): void;
}

/**
 * @param header value of If-Match, if sent
 * @param operationId of the GET whose ETag it names
 * @param organisations the scope: who asks with another `x-org-id` than he read with, has read another answer
 * @see RFC 9110, section 13.1.1: compared strongly, so that a weak tag never matches
 */
export function preconditionOf(
  header: string | undefined,
  operationId: string,
  organisations: readonly string[],
): Precondition {
  return {
    check(text) {
      if (header === undefined) return;
      const strong = header.replaceAll(/W\/"[^"]*"/g, '');
      if (matchingTag(strong, entityTagOf(operationId, organisations, text)) !== undefined) return;
      throw new RequestRefused({ kind: 'precondition-failed' });
    },
  };
}
