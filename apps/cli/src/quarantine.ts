import {
  NO_ORGANISATION,
  listQuarantine,
  type Projection,
  type QuarantineColumn,
  type QuarantineQuery,
  type Trx,
} from '@quarterhour/db';
import { z } from 'zod';

const listed = z.object({
  id: z.string(),
  org_id: z.string(),
  stream: z.string(),
  exchange: z.string(),
  routing_key: z.string(),
  message_id: z.string().nullable(),
  body_bytes: z.number(),
  reason: z.string(),
  path: z.string().nullable(),
  detail: z.string(),
  replayable: z.boolean(),
  first_seen: z.string(),
  last_seen: z.string(),
  copies: z.number(),
  state: z.string(),
});

/** A delivery in quarantine, without its body. */
export type ListedQuarantine = z.infer<typeof listed>;

const COLUMNS: Projection<QuarantineColumn> = [
  { name: 'id', column: 'id', as: 'text' },
  { name: 'org_id', column: 'org_id', as: 'text' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'exchange', column: 'exchange', as: 'text' },
  { name: 'routing_key', column: 'routing_key', as: 'text' },
  { name: 'message_id', column: 'message_id', as: 'text' },
  { name: 'body_bytes', column: 'body_bytes', as: 'integer' },
  { name: 'reason', column: 'reason', as: 'text' },
  { name: 'path', column: 'path', as: 'text' },
  { name: 'detail', column: 'detail', as: 'text' },
  { name: 'replayable', column: 'replayable', as: 'boolean' },
  { name: 'first_seen', column: 'first_seen', as: 'instant' },
  { name: 'last_seen', column: 'last_seen', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
  { name: 'state', column: 'state', as: 'text' },
];

/** Newest first. */
export async function newestQuarantined(trx: Trx, query: QuarantineQuery): Promise<ListedQuarantine[]> {
  const page = await listQuarantine(trx, query, COLUMNS);
  return z.array(listed).parse(JSON.parse(page.json));
}

/** Slug of the owner; a dash when nobody is known to own it. */
export function ownerName(slugs: ReadonlyMap<string, string>, orgId: string): string {
  return orgId === NO_ORGANISATION ? '-' : (slugs.get(orgId) ?? orgId);
}
