import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
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
  /** What has to be registered for that, see `waitsFor` of a fault; null when it is not about the register. */
  readonly waitsFor: string | null;
  /** Who set it aside: name and version of the process. */
  readonly worker: string;
  readonly firstSeen: UtcInstant;
}

const INSERT = `
  insert into app.quarantine as q (id, org_id, stream, queue, exchange, routing_key, message_id, properties, body,
    body_sha256, body_bytes, body_dropped, reason, path, detail, replayable, waits_for, worker, first_seen, last_seen,
    copies)
  select id, org_id, stream, queue, exchange, routing_key, message_id, properties, body, body_sha256,
    body_bytes, body_dropped, reason, path, detail, replayable, waits_for, worker, first_seen, first_seen, copies
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
    $9::bytea[], $10::bytea[], $11::int[], $12::bool[], $13::text[], $14::text[], $15::text[], $16::bool[], $17::text[],
    $18::text[], $19::timestamptz[], $20::int[])
    as o (id, org_id, stream, queue, exchange, routing_key, message_id, properties, body, body_sha256, body_bytes,
      body_dropped, reason, path, detail, replayable, waits_for, worker, first_seen, copies)
  on conflict (org_id, stream, routing_key, body_sha256, reason) do update
    set copies = q.copies + excluded.copies, last_seen = greatest(q.last_seen, excluded.last_seen),
      state = case q.state when 'replayed' then 'open' else q.state end,
      replayed_as = null,
      decided_at = case q.state when 'discarded' then q.decided_at end,
      decided_by = case q.state when 'discarded' then q.decided_by end,
      decision_note = case q.state when 'discarded' then q.decision_note end
  returning q.id`;

/**
 * Sets deliveries aside. The same bytes under the same key and reason are kept once, with the number of copies.
 *
 * Takes what the broker may carry and Postgres may not (NUL, lone surrogates) and stores U+FFFD instead: whatever came,
 * it can be set aside. The body is stored untouched, until the day's quota of its organisation is used up: then only what
 * was found out about it is kept, and the dropped bodies are counted. What was replayed and is set aside once more is open
 * again; what was discarded stays so.
 *
 * @param quota how many bodies are kept of one organisation and day
 * @returns per row, in order, whether it is kept or was known already
 */
export async function insertQuarantine(
  trx: Trx,
  rows: readonly NewQuarantined[],
  quota: QuarantineQuota = QUARANTINE_QUOTA,
): Promise<('quarantined' | 'duplicate')[]> {
  if (rows.length === 0) return [];
  const kept = await withinQuota(trx, countCopies(rows), quota);
  const inserted = await trx.query<{ id: string }>(prepared(INSERT, columnsOf(kept)));
  const fresh = new Set(inserted.map(({ id }) => id));
  return rows.map(({ id }) => (fresh.has(id.toLowerCase()) ? 'quarantined' : 'duplicate'));
}

/** Bodies that are kept per organisation and UTC day; beyond either, they are dropped and counted. */
export interface QuarantineQuota {
  readonly bodies: number;
  readonly bytes: number;
}

export const QUARANTINE_QUOTA: QuarantineQuota = { bodies: 10_000, bytes: 256 * 1024 * 1024 };

const KNOWN = `
  select o.n::int - 1 as position
  from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[])
    with ordinality as o (org_id, stream, routing_key, body_sha256, reason, n)
  join app.quarantine q on q.org_id = o.org_id and q.stream = o.stream and q.routing_key = o.routing_key
    and q.body_sha256 = o.body_sha256 and q.reason = o.reason`;

const CHARGE = `
  insert into app.quarantine_day as d (org_id, day, bodies, bytes, dropped) values ($1::uuid, $2::date, $3::int, $4::int8, 0)
  on conflict (org_id, day) do update set bodies = d.bodies + excluded.bodies, bytes = d.bytes + excluded.bytes
  returning bodies, bytes::text as bytes`;

const DROP = `
  update app.quarantine_day
     set bodies = bodies - $3::int, bytes = bytes - $4::int8, dropped = dropped + $3::int
   where org_id = $1::uuid and day = $2::date`;

/** Charges the new bodies to their organisations' day, and drops those that no longer fit. */
async function withinQuota(trx: Trx, kept: readonly Kept[], quota: QuarantineQuota): Promise<readonly Kept[]> {
  const known = await trx.query<{ position: number }>(prepared(KNOWN, keysOf(kept)));
  const knownPositions = new Set(known.map(({ position }) => position));
  const fresh = kept.filter((_one, position) => !knownPositions.has(position));
  const dropped = new Set<Kept>();
  for (const [budget, bodies] of byBudget(fresh)) {
    for (const one of await beyondQuota(trx, budget, bodies, quota)) dropped.add(one);
  }
  return dropped.size === 0 ? kept : kept.map((one) => (dropped.has(one) ? { ...one, isDropped: true } : one));
}

interface Budget {
  readonly orgId: string;
  readonly day: string;
}

function byBudget(fresh: readonly Kept[]): [Budget, Kept[]][] {
  const budgets = new Map<string, [Budget, Kept[]]>();
  for (const one of fresh) {
    const budget = { orgId: one.row.orgId, day: one.row.firstSeen.slice(0, 10) };
    const name = `${budget.orgId} ${budget.day}`;
    const known = budgets.get(name);
    if (known === undefined) budgets.set(name, [budget, [one]]);
    else known[1].push(one);
  }
  return [...budgets].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, budget]) => budget);
}

async function beyondQuota(
  trx: Trx,
  { orgId, day }: Budget,
  bodies: readonly Kept[],
  quota: QuarantineQuota,
): Promise<Kept[]> {
  const sizeOf = (some: readonly Kept[]) => some.reduce((sum, { row }) => sum + row.body.length, 0);
  const charge = [orgId, day, bodies.length, sizeOf(bodies)];
  const [used] = await trx.query<{ bodies: number; bytes: string }>(prepared(CHARGE, charge));
  if (used === undefined) throw new Error('the quota was charged without an answer');
  let count = used.bodies - bodies.length;
  let bytes = Number(used.bytes) - sizeOf(bodies);
  const dropped: Kept[] = [];
  for (const one of bodies) {
    const fits = count + 1 <= quota.bodies && bytes + one.row.body.length <= quota.bytes;
    if (!fits) dropped.push(one);
    else [count, bytes] = [count + 1, bytes + one.row.body.length];
  }
  if (dropped.length > 0) await trx.query(prepared(DROP, [orgId, day, dropped.length, sizeOf(dropped)]));
  return dropped;
}

interface Kept {
  readonly row: NewQuarantined;
  copies: number;
  readonly isDropped: boolean;
}

function countCopies(rows: readonly NewQuarantined[]): Kept[] {
  const byKey = new Map<string, Kept>();
  for (const row of rows) {
    const key = [row.orgId, row.stream, storableText(row.routingKey), row.bodySha256.toString('hex'), row.reason].join(
      '\n',
    );
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { row, copies: 1, isDropped: false });
    else known.copies += 1;
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, kept]) => kept);
}

function keysOf(kept: readonly Kept[]): string[] {
  const rows = kept.map(({ row }) => row);
  return [
    plainArray(rows.map((row) => row.orgId)),
    textArray(rows.map((row) => row.stream)),
    textArray(rows.map((row) => storableText(row.routingKey))),
    byteaArray(rows.map((row) => row.bodySha256)),
    textArray(rows.map((row) => row.reason)),
  ];
}

const NO_BODY = Buffer.alloc(0);

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
    byteaArray(kept.map(({ row, isDropped }) => (isDropped ? NO_BODY : row.body))),
    byteaArray(rows.map((row) => row.bodySha256)),
    plainArray(rows.map((row) => row.body.length)),
    plainArray(kept.map(({ isDropped }) => isDropped)),
    textArray(rows.map((row) => row.reason)),
    textArray(rows.map((row) => (row.path === null ? null : storableText(row.path)))),
    textArray(rows.map((row) => storableText(row.detail))),
    plainArray(kept.map(({ row, isDropped }) => row.replayable && !isDropped)),
    textArray(
      kept.map(({ row, isDropped }) => (row.waitsFor === null || isDropped ? null : storableText(row.waitsFor))),
    ),
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
  | 'state'
  | 'body_dropped'
  | 'waits_for'
  | 'attempts'
  | 'attempted_at'
  | 'attempt_reason'
  | 'attempt_path'
  | 'attempt_detail'
  | 'replayed_as'
  | 'decided_at'
  | 'decided_by'
  | 'decision_note';

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
  readonly messageId?: string;
  /** What has to be registered, as the delivery says it. */
  readonly waitsFor?: string;
  readonly replayable?: boolean;
  /** By `first_seen`, then `id`. Default `desc`: newest first. */
  readonly order?: 'asc' | 'desc';
  /** Half-open span `[from, to)` of `first_seen`. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  /** Starts after this row. */
  readonly after?: QuarantineKey;
  readonly limit: number;
}

/** One page of quarantine. */
export function listQuarantine(
  trx: Trx,
  query: QuarantineQuery,
  projection: Projection<QuarantineColumn>,
): Promise<Page<QuarantineKey>> {
  return queryPage(trx, quarantineSource(query, projection));
}

/** All quarantine of a query, part by part. What changes in the meantime shows as it is when its part is read. */
export function exportQuarantine(
  query: Omit<QuarantineQuery, 'after' | 'limit'>,
  projection: Projection<QuarantineColumn>,
  format: LineFormat,
): LinesReader<QuarantineKey> {
  return (trx, after, limit) =>
    queryLines(trx, quarantineSource({ ...query, ...startingAfter(after), limit }, projection), format);
}

function quarantineSource(
  query: QuarantineQuery,
  projection: Projection<QuarantineColumn>,
): PageSource<QuarantineKey, QuarantineColumn> {
  const parameters = new StatementParameters();
  const most = parameters.bind(query.limit + 1);
  const where = quarantineConditions(query, parameters);
  const { order = 'desc' } = query;
  const rows = `
    select q.* from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select q.id, q.org_id, q.stream, q.queue, q.exchange, q.routing_key, q.message_id, q.properties, q.body_bytes,
        q.reason, q.path, q.detail, q.replayable, q.worker, q.first_seen, q.last_seen, q.copies, q.state, q.body_dropped,
        q.waits_for, q.attempts, q.attempted_at, q.attempt_reason, q.attempt_path, q.attempt_detail, q.replayed_as,
        q.decided_at, q.decided_by, q.decision_note
      from app.quarantine q
      where ${['q.org_id = o.org_id', ...where].join(' and ')}
      order by q.first_seen ${order}, q.id ${order}
      limit ${most}) q
    order by q.first_seen ${order}, q.id ${order}
    limit ${most}`;
  return { rows, parameters, projection, key: QUARANTINE_KEY, limit: query.limit };
}

const QUARANTINE_KEY: KeyColumns<QuarantineKey> = {
  firstSeen: { column: 'first_seen', as: 'instant' },
  id: { column: 'id', as: 'uuid' },
};

/** After a row, the end of the window that the list has left behind says nothing any more; the index would seek to it instead. */
function quarantineConditions(query: QuarantineQuery, parameters: StatementParameters): string[] {
  const conditions: string[] = [];
  if (query.stream !== undefined) conditions.push(`q.stream = ${parameters.bind(query.stream)}`);
  if (query.reason !== undefined) conditions.push(`q.reason = ${parameters.bind(query.reason)}`);
  if (query.state !== undefined) conditions.push(`q.state = ${parameters.bind(query.state)}`);
  if (query.messageId !== undefined) conditions.push(`q.message_id = ${parameters.bind(query.messageId)}`);
  if (query.waitsFor !== undefined) conditions.push(`q.waits_for = ${parameters.bind(query.waitsFor)}`);
  if (query.replayable !== undefined) conditions.push(`q.replayable = ${parameters.bind(query.replayable)}::bool`);
  const { from, to, after, order = 'desc' } = query;
  if (from !== undefined && (after === undefined || order === 'desc')) {
    conditions.push(`q.first_seen >= ${parameters.bind(from)}::timestamptz`);
  }
  if (to !== undefined && (after === undefined || order === 'asc')) {
    conditions.push(`q.first_seen < ${parameters.bind(to)}::timestamptz`);
  }
  if (after !== undefined) {
    const firstSeen = parameters.bind(after.firstSeen);
    const beyond = order === 'asc' ? '>' : '<';
    conditions.push(`(q.first_seen, q.id) ${beyond} (${firstSeen}::timestamptz, ${parameters.bind(after.id)}::uuid)`);
  }
  return conditions;
}

/** One delivery that was set aside, whole, with what became of it since. */
export interface QuarantinedRecord extends NewQuarantined {
  /** Length of the body, also when it was dropped and `body` is empty. */
  readonly bodyBytes: number;
  readonly isBodyDropped: boolean;
  readonly lastSeen: UtcInstant;
  readonly copies: number;
  readonly state: string;
  /** How often it was tried to take it in after all. */
  readonly attempts: number;
  /** What stood in the way the last time; null before the first attempt and when it succeeded. */
  readonly lastAttempt: FailedAttempt | null;
  readonly replayedAs: string | null;
  readonly decidedAt: UtcInstant | null;
  readonly decidedBy: string | null;
  readonly decisionNote: string | null;
}

/** An attempt to take a delivery in that left it where it was. */
export interface FailedAttempt {
  readonly at: UtcInstant;
  readonly reason: string;
  readonly path: string | null;
  readonly detail: string;
}

/** Selects whole deliveries that were set aside; a condition follows. */
export const QUARANTINED = `
  select id, org_id as "orgId", stream, queue, exchange, routing_key as "routingKey", message_id as "messageId",
    properties, body, body_sha256 as "bodySha256", body_bytes as "bodyBytes", body_dropped as "isBodyDropped", reason, path, detail, replayable,
    waits_for as "waitsFor", worker, app.instant_text(first_seen) as "firstSeen", app.instant_text(last_seen) as "lastSeen",
    copies, state, attempts, replayed_as as "replayedAs", app.instant_text(decided_at) as "decidedAt",
    decided_by as "decidedBy", decision_note as "decisionNote",
    case when attempted_at is null then null else json_build_object('at', app.instant_text(attempted_at),
      'reason', attempt_reason, 'path', attempt_path, 'detail', attempt_detail) end as "lastAttempt"
  from app.quarantine`;

const GET = `${QUARANTINED} where id = $1::uuid`;

/** One quarantined delivery with its body; null when it does not exist in scope. */
export async function getQuarantined(trx: Trx, id: string): Promise<QuarantinedRecord | null> {
  const [row] = await trx.query<QuarantinedRecord>(prepared(GET, [id]));
  return row ?? null;
}
