import type { UtcInstant } from '@quarterhour/domain';
import type { CommandKind, CommandTerms } from './kinds.js';
import type { Refusal } from './refusal.js';
import type { CommandRules } from './rules.js';

/**
 * A command or schedule of a partner, as far as it can be judged without the database. What could not be read of one that is
 * refused is null.
 */
export interface PartnerCommandFact extends CommandTerms {
  readonly orgId: string;
  readonly keyId: string;
  /** The organisation's queue prefix: where it is answered. */
  readonly prefix: string;
  readonly rules: CommandRules;
  readonly routingKey: string;
  readonly messageId: string;
  readonly correlationId: string | null;
  readonly kind: CommandKind['type'] | null;
  readonly source: string | null;
  readonly siteId: string | null;
  readonly plantId: string | null;
  readonly publishedAt: UtcInstant | null;
  /** A JSON object as text. */
  readonly payload: string;
  readonly contentSha256: Buffer;
  readonly body: Buffer;
  /** Why it is refused whatever the database says; null when nothing is wrong with it. */
  readonly refusal: Refusal | null;
  readonly isOfUnknown: boolean;
}
