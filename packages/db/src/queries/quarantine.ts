import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import { storableJson, storableText } from '../storable.js';

/** A delivery that is set aside, with everything needed to understand it and to try again. */
export interface NewQuarantined {
  /** UUIDv7 made by the caller. */
  readonly id: string;
  /** {@link NO_ORGANISATION} when the owner is unknown. */
  readonly orgId: string;
  readonly stream: string;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string | null;
  /** Properties and headers of the message; anything that JSON can carry. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** The message as it arrived. */
  readonly body: Buffer;
  /** SHA-256 of `body`. 32 bytes. */
  readonly bodySha256: Buffer;
  readonly reason: string;
  /** Where in the message the fault is, for example `payload.socPercent`. */
  readonly path: string | null;
  /** One sentence for a person. */
  readonly detail: string;
  /** Whether the same bytes can end differently later. */
  readonly replayable: boolean;
  /** Who set it aside: name and version of the process. */
  readonly worker: string;
  readonly firstSeen: UtcInstant;
}

const INSERT = `
  insert into app.quarantine as q (id, org_id, stream, queue, exchange, routing_key, message_id, properties, body,
    body_sha256, body_bytes, reason, path, detail, replayable, worker, first_seen, last_seen, copies)
  select id, org_id, stream, queue, exchange, routing_key, message_id, properties, body, body_sha256,
    octet_length(body), reason, path, detail, replayable, worker, first_seen, first_seen, copies
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
    $9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::bool[], $15::text[], $16::timestamptz[],
    $17::int[])
    as o (id, org_id, stream, queue, exchange, routing_key, message_id, properties, body, body_sha256, reason, path,
      detail, replayable, worker, first_seen, copies)
  on conflict (org_id, stream, routing_key, body_sha256, reason) do update
    set copies = q.copies + excluded.copies, last_seen = greatest(q.last_seen, excluded.last_seen)
  returning q.id`;

/**
 * Sets deliveries aside. The same bytes under the same key and reason are kept once, with the number of copies.
 *
 * Takes what the broker may carry and Postgres may not (NUL, lone surrogates) and stores U+FFFD instead: whatever came,
 * it can be set aside. The body is stored untouched.
 *
 * @returns per row, in order, whether it is kept or was known already
 */
export async function insertQuarantine(
  trx: Trx,
  rows: readonly NewQuarantined[],
): Promise<('quarantined' | 'duplicate')[]> {
  if (rows.length === 0) return [];
  const kept = countCopies(rows);
  const inserted = await trx.query<{ id: string }>(prepared(INSERT, columnsOf(kept)));
  const fresh = new Set(inserted.map(({ id }) => id));
  return rows.map(({ id }) => (fresh.has(id.toLowerCase()) ? 'quarantined' : 'duplicate'));
}

interface Kept {
  readonly row: NewQuarantined;
  copies: number;
}

function countCopies(rows: readonly NewQuarantined[]): Kept[] {
  const byKey = new Map<string, Kept>();
  for (const row of rows) {
    const key = [row.orgId, row.stream, storableText(row.routingKey), row.bodySha256.toString('hex'), row.reason].join(
      '\n',
    );
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { row, copies: 1 });
    else known.copies += 1;
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, kept]) => kept);
}

function columnsOf(kept: readonly Kept[]): string[] {
  const rows = kept.map(({ row }) => row);
  return [
    plainArray(rows.map((row) => row.id)),
    plainArray(rows.map((row) => row.orgId)),
    textArray(rows.map((row) => row.stream)),
    textArray(rows.map((row) => storableText(row.queue))),
    textArray(rows.map((row) => storableText(row.exchange))),
    textArray(rows.map((row) => storableText(row.routingKey))),
    textArray(rows.map((row) => (row.messageId === null ? null : storableText(row.messageId)))),
    textArray(rows.map((row) => storableJson(row.properties))),
    byteaArray(rows.map((row) => row.body)),
    byteaArray(rows.map((row) => row.bodySha256)),
    textArray(rows.map((row) => row.reason)),
    textArray(rows.map((row) => (row.path === null ? null : storableText(row.path)))),
    textArray(rows.map((row) => storableText(row.detail))),
    plainArray(rows.map((row) => row.replayable)),
    textArray(rows.map((row) => row.worker)),
    plainArray(rows.map((row) => row.firstSeen)),
    plainArray(kept.map(({ copies }) => copies)),
  ];
}

/** Columns that a projection of quarantine may show; the body is only in {@link getQuarantined}. */
export type QuarantineColumn =
  | 'id'
  | 'org_id'
  | 'stream'
  | 'queue'
  | 'exchange'
  | 'routing_key'
  | 'message_id'
  | 'properties'
  | 'body_bytes'
  | 'reason'
  | 'path'
  | 'detail'
  | 'replayable'
  | 'worker'
  | 'first_seen'
  | 'last_seen'
  | 'copies'
  | 'state';

/** Where a page of quarantine ended. */
export interface QuarantineKey {
  readonly firstSeen: UtcInstant;
  readonly id: string;
}

/** Which quarantined deliveries, and which page of them. */
export interface QuarantineQuery {
  readonly stream?: string;
  readonly reason?: string;
  readonly state?: string;
  /** Half-open span `[from, to)` of `first_seen`. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** Starts after this row. */
  readonly after?: QuarantineKey;
  readonly limit: number;
}

/** One page of quarantine, newest first by `first_seen`, then `id`. */
export function listQuarantine(
  trx: Trx,
  query: QuarantineQuery,
  projection: Projection<QuarantineColumn>,
): Promise<Page<QuarantineKey>> {
  const parameters = new StatementParameters();
  const most = parameters.bind(query.limit + 1);
  const where = quarantineConditions(query, parameters);
  const rows = `
    select q.* from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select q.id, q.org_id, q.stream, q.queue, q.exchange, q.routing_key, q.message_id, q.properties, q.body_bytes,
        q.reason, q.path, q.detail, q.replayable, q.worker, q.first_seen, q.last_seen, q.copies, q.state
      from app.quarantine q
      where ${['q.org_id = o.org_id', ...where].join(' and ')}
      order by q.first_seen desc, q.id desc
      limit ${most}) q
    order by q.first_seen desc, q.id desc
    limit ${most}`;
  return queryPage(trx, { rows, parameters, projection, key: QUARANTINE_KEY, limit: query.limit });
}

const QUARANTINE_KEY: KeyColumns<QuarantineKey> = {
  firstSeen: { column: 'first_seen', as: 'instant' },
  id: { column: 'id', as: 'text' },
};

function quarantineConditions(query: QuarantineQuery, parameters: StatementParameters): string[] {
  const conditions: string[] = [];
  if (query.stream !== undefined) conditions.push(`q.stream = ${parameters.bind(query.stream)}`);
  if (query.reason !== undefined) conditions.push(`q.reason = ${parameters.bind(query.reason)}`);
  if (query.state !== undefined) conditions.push(`q.state = ${parameters.bind(query.state)}`);
  if (query.from !== undefined) conditions.push(`q.first_seen >= ${parameters.bind(query.from)}::timestamptz`);
  if (query.to !== undefined) conditions.push(`q.first_seen < ${parameters.bind(query.to)}::timestamptz`);
  if (query.after !== undefined) {
    const firstSeen = parameters.bind(query.after.firstSeen);
    conditions.push(`(q.first_seen, q.id) < (${firstSeen}::timestamptz, ${parameters.bind(query.after.id)}::uuid)`);
  }
  return conditions;
}

/** One delivery that was set aside, whole, with what became of it since. */
export interface QuarantinedRecord extends NewQuarantined {
  readonly bodyBytes: number;
  readonly lastSeen: UtcInstant;
  readonly copies: number;
  readonly state: string;
}

const GET = `
  select id, org_id as "orgId", stream, queue, exchange, routing_key as "routingKey", message_id as "messageId",
    properties, body, body_sha256 as "bodySha256", body_bytes as "bodyBytes", reason, path, detail, replayable, worker,
    app.instant_text(first_seen) as "firstSeen", app.instant_text(last_seen) as "lastSeen", copies, state
  from app.quarantine where id = $1::uuid`;

/** One quarantined delivery with its body; null when it does not exist in scope. */
export async function getQuarantined(trx: Trx, id: string): Promise<QuarantinedRecord | null> {
  const [row] = await trx.query<QuarantinedRecord>(prepared(GET, [id]));
  return row ?? null;
}
