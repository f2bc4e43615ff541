import {
  NO_ORGANISATION,
  listQuarantine,
  type Projection,
  type QuarantineColumn,
  type QuarantineKey,
  type QuarantineQuery,
  type Trx,
} from '@quarterhour/db';
import { z } from 'zod';

const listed = z.object({
  id: z.string(),
  orgId: z.string(),
  stream: z.string(),
  exchange: z.string(),
  routingKey: z.string(),
  messageId: z.string().nullable(),
  bodyBytes: z.number(),
  reason: z.string(),
  path: z.string().nullable(),
  detail: z.string(),
  replayable: z.boolean(),
  waitsFor: z.string().nullable(),
  attempts: z.number(),
  attemptReason: z.string().nullable(),
  firstSeen: z.string(),
  lastSeen: z.string(),
  copies: z.number(),
  state: z.string(),
});

/** A delivery in quarantine, without its body. */
export type ListedQuarantine = z.infer<typeof listed>;

const COLUMNS: Projection<QuarantineColumn> = [
  { name: 'id', column: 'id', as: 'text' },
  { name: 'orgId', column: 'org_id', as: 'text' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'exchange', column: 'exchange', as: 'text' },
  { name: 'routingKey', column: 'routing_key', as: 'text' },
  { name: 'messageId', column: 'message_id', as: 'text' },
  { name: 'bodyBytes', column: 'body_bytes', as: 'integer' },
  { name: 'reason', column: 'reason', as: 'text' },
  { name: 'path', column: 'path', as: 'text' },
  { name: 'detail', column: 'detail', as: 'text' },
  { name: 'replayable', column: 'replayable', as: 'boolean' },
  { name: 'waitsFor', column: 'waits_for', as: 'text' },
  { name: 'attempts', column: 'attempts', as: 'integer' },
  { name: 'attemptReason', column: 'attempt_reason', as: 'text' },
  { name: 'firstSeen', column: 'first_seen', as: 'instant' },
  { name: 'lastSeen', column: 'last_seen', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
  { name: 'state', column: 'state', as: 'text' },
];

/** Newest first. */
export async function newestQuarantined(trx: Trx, query: QuarantineQuery): Promise<ListedQuarantine[]> {
  const page = await listQuarantine(trx, query, COLUMNS);
  return z.array(listed).parse(JSON.parse(page.json));
}

/** Open deliveries whose bytes can end differently, and where to go on. */
export interface ReplayablePage {
  readonly deliveries: readonly ListedQuarantine[];
  readonly hasMore: boolean;
  readonly lastKey: QuarantineKey | null;
}

/** Oldest first. */
export async function oldestReplayable(
  trx: Trx,
  query: Pick<QuarantineQuery, 'stream' | 'reason' | 'after' | 'limit'>,
): Promise<ReplayablePage> {
  const page = await listQuarantine(trx, { ...query, state: 'open', replayable: true, order: 'asc' }, COLUMNS);
  const { hasMore, lastKey } = page;
  return { hasMore, lastKey, deliveries: z.array(listed).parse(JSON.parse(page.json)) };
}

/** Slug of the owner; a dash when nobody is known to own it. */
export function ownerName(slugs: ReadonlyMap<string, string>, orgId: string): string {
  return orgId === NO_ORGANISATION ? '-' : (slugs.get(orgId) ?? orgId);
}
