import type { UtcInstant } from '@quarterhour/domain';
import { textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import { storableJson, storableText } from '../storable.js';

/** Something that somebody did, to be kept for ever. */
export interface AuditEntry {
  /** Whose data it was done to; `NO_ORGANISATION` for what belongs to nobody. */
  readonly orgId: string;
  /** Who did it: the subject of a token, or the name of a command. At most 200 characters. */
  readonly actor: string;
  /** For example `quarantine.replay`. */
  readonly action: string;
  /** What it was done to, for example a delivery's id. At most 400 characters. */
  readonly subject: string;
  /** What is worth knowing about it; no secrets. */
  readonly detail: Readonly<Record<string, unknown>>;
}

const RECORD = `
  with head as (
    select h.org_id, h.audit_seq, h.audit_sha256, clock_timestamp() as at
      from app.org_head h where h.org_id = $1::uuid for update
  ), entry as (
    select org_id, audit_seq + 1 as seq, at, audit_sha256 as previous,
      app.audit_sha256(audit_sha256, org_id, audit_seq + 1, at, $2::text, $3::text, $4::text, $5::jsonb) as sha256
      from head
  ), chained as (
    update app.org_head h set audit_seq = entry.seq, audit_sha256 = entry.sha256 from entry
     where h.org_id = entry.org_id returning h.org_id
  )
  insert into app.audit (org_id, seq, at, actor, action, subject, detail, previous_sha256, sha256)
  select entry.org_id, entry.seq, entry.at, $2::text, $3::text, $4::text, $5::jsonb, entry.previous, entry.sha256
    from entry join chained using (org_id)
  returning seq`;

/**
 * Writes entries down in the transaction of what they tell of: either both happen or neither does.
 *
 * Each entry carries the hash of the one before, per organisation; the organisation's head is locked until the transaction
 * ends, so that the chain does not fork.
 *
 * @throws Error when an organisation has no head
 */
export async function recordAudit(trx: Trx, entries: readonly AuditEntry[]): Promise<void> {
  const ordered = [...entries].sort((left, right) =>
    left.orgId < right.orgId ? -1 : left.orgId > right.orgId ? 1 : 0,
  );
  for (const { orgId, actor, action, subject, detail } of ordered) {
    const values = [orgId, storableText(actor), action, storableText(subject), storableJson(detail)];
    const written = await trx.query(prepared(RECORD, values));
    if (written.length === 0) throw new Error(`organisation ${orgId} has no head row`);
  }
}

const BROKEN = `
  select seq::text as seq from (
    select a.*, lag(a.sha256, 1, decode(repeat('00', 32), 'hex')) over (order by a.seq) as expected_previous,
      row_number() over (order by a.seq) as place
    from app.audit a where a.org_id = $1::uuid) a
  where a.seq <> a.place or a.previous_sha256 <> a.expected_previous or a.sha256 <> app.audit_sha256(
    a.previous_sha256, a.org_id, a.seq, a.at, a.actor, a.action, a.subject, a.detail)
  order by a.seq limit 1`;

const TAIL = `
  select h.audit_seq::text as "headSeq", coalesce(last.seq, 0)::text as "lastSeq",
    coalesce(last.sha256, decode(repeat('00', 32), 'hex')) = h.audit_sha256 as "isSame"
  from app.org_head h left join lateral (
    select a.seq, a.sha256 from app.audit a where a.org_id = h.org_id order by a.seq desc limit 1) last on true
  where h.org_id = $1::uuid`;

/**
 * Number of the first audit entry of an organisation that does not fit its chain, or that is missing at its end; null when
 * the chain is whole. The organisation's head says how the chain must end.
 */
export async function firstBrokenAudit(trx: Trx, orgId: string): Promise<number | null> {
  const [broken] = await trx.query<{ seq: string }>(prepared(BROKEN, [orgId]));
  if (broken !== undefined) return Number(broken.seq);
  return firstMissing(trx, orgId);
}

/** Number of the first entry that the head knows of and that is not there, or the other way round; null when they agree. */
async function firstMissing(trx: Trx, orgId: string): Promise<number | null> {
  const [tail] = await trx.query<{ headSeq: string; lastSeq: string; isSame: boolean }>(prepared(TAIL, [orgId]));
  if (tail === undefined) return null;
  const [head, last] = [Number(tail.headSeq), Number(tail.lastSeq)];
  if (head === last) return tail.isSame ? null : last;
  return Math.min(head, last) + 1;
}

/** Hashes of an entry are 64 hexadecimal digits. */
export type AuditColumn =
  'org_id' | 'seq' | 'at' | 'actor' | 'action' | 'subject' | 'detail' | 'previous_sha256' | 'sha256';

/** Where a page of audit entries ended. */
export interface AuditKey {
  readonly at: UtcInstant;
  readonly orgId: string;
  readonly seq: number;
}

/** Which audit entries, and which page of them. */
export interface AuditQuery {
  /** Half-open span `[from, to)` of when it was done. */
  readonly from?: UtcInstant;
  readonly to?: UtcInstant;
  readonly actor?: string;
  readonly actions?: readonly string[];
  /** Starts after this row. */
  readonly after?: AuditKey;
  readonly limit: number;
}

/** One page of audit entries of the organisations in scope, newest first. */
export function listAudit(trx: Trx, query: AuditQuery, projection: Projection<AuditColumn>): Promise<Page<AuditKey>> {
  return queryPage(trx, auditSource(query, projection));
}

/** All audit entries of a query, part by part. */
export function exportAudit(
  query: Omit<AuditQuery, 'after' | 'limit'>,
  projection: Projection<AuditColumn>,
  format: LineFormat,
): LinesReader<AuditKey> {
  return (trx, after, limit) =>
    queryLines(trx, auditSource({ ...query, ...startingAfter(after), limit }, projection), format);
}

function auditSource(query: AuditQuery, projection: Projection<AuditColumn>): PageSource<AuditKey, AuditColumn> {
  const parameters = new StatementParameters();
  const most = `${parameters.bind(query.limit + 1)}::int8`;
  const where = ['a.org_id = o.org_id', ...conditions(query, parameters)].join(' and ');
  const rows = `
    select a.* from unnest((select app.orgs())::uuid[]) as o (org_id) cross join lateral (
      select a.org_id, a.seq, a.at, a.actor, a.action, a.subject, a.detail,
        encode(a.previous_sha256, 'hex') as previous_sha256, encode(a.sha256, 'hex') as sha256
      from app.audit a where ${where}
      order by a.at desc, a.seq desc limit ${most}) a
    order by a.at desc, a.org_id desc, a.seq desc limit ${most}`;
  return { rows, parameters, projection, key: AUDIT_KEY, limit: query.limit };
}

const AUDIT_KEY: KeyColumns<AuditKey> = {
  at: { column: 'at', as: 'instant' },
  orgId: { column: 'org_id', as: 'uuid' },
  seq: { column: 'seq', as: 'integer' },
};

function conditions({ from, to, actor, actions, after }: AuditQuery, parameters: StatementParameters): string[] {
  const found: string[] = [];
  if (from !== undefined) found.push(`a.at >= ${parameters.bind(from)}::timestamptz`);
  if (to !== undefined) found.push(`a.at < ${parameters.bind(to)}::timestamptz`);
  if (actor !== undefined) found.push(`a.actor = ${parameters.bind(actor)}`);
  if (actions !== undefined) found.push(`a.action = any (${parameters.bind(textArray(actions))}::text[])`);
  if (after !== undefined) found.push(...beyond(after, parameters));
  return found;
}

/** The first condition is what the index can seek; the second leaves out what stood on the page before. */
function beyond({ at, orgId, seq }: AuditKey, parameters: StatementParameters): string[] {
  const time = `${parameters.bind(at)}::timestamptz`;
  const rest = `${parameters.bind(orgId)}::uuid, ${parameters.bind(seq)}::int8`;
  return [`a.at <= ${time}`, `(a.at, a.org_id, a.seq) < (${time}, ${rest})`];
}

/** A stretch of an organisation's chain, and what was found in it. */
export interface AuditStretch {
  /** Number of the first entry that does not fit, or null. */
  readonly firstBroken: number | null;
  /** Where the chain goes on after what was looked at; null at its end. */
  readonly next: AuditMark | null;
  /** How many entries were looked at. */
  readonly checked: number;
}

/** An entry up to which a chain was found whole. */
export interface AuditMark {
  readonly seq: number;
  /** 32 bytes. */
  readonly sha256: Buffer;
}

/** Where every chain begins. */
export const AUDIT_START: AuditMark = { seq: 0, sha256: Buffer.alloc(32) };

const STRETCH = `
  with stretch as materialized (
    select a.* from app.audit a where a.org_id = $1::uuid and a.seq > $2::int8 order by a.seq limit $4::int8
  ), linked as (
    select s.*, lag(s.sha256, 1, $3::bytea) over (order by s.seq) as expected_previous,
      $2::int8 + row_number() over (order by s.seq) as place
    from stretch s
  )
  select count(*)::int as checked,
    min(l.seq) filter (where l.seq <> l.place or l.previous_sha256 <> l.expected_previous or l.sha256 <>
      app.audit_sha256(l.previous_sha256, l.org_id, l.seq, l.at, l.actor, l.action, l.subject, l.detail))::float8
      as "firstBroken",
    max(l.seq)::float8 as "lastSeq",
    (select s.sha256 from stretch s order by s.seq desc limit 1) as "lastSha256"
  from linked l`;

/**
 * Looks at a stretch of an organisation's chain, from a mark on: for chains that are too long for one statement. What is
 * missing at the end shows when the last stretch ends elsewhere than the organisation's head says.
 *
 * @param most entries of this stretch
 */
export async function checkAuditStretch(trx: Trx, orgId: string, from: AuditMark, most: number): Promise<AuditStretch> {
  const [found] = await trx.query<{
    checked: number;
    firstBroken: number | null;
    lastSeq: number | null;
    lastSha256: Buffer | null;
  }>(prepared(STRETCH, [orgId, from.seq, from.sha256, most]));
  if (found === undefined) throw new Error('a chain was looked at without an answer');
  const { checked, firstBroken, lastSeq, lastSha256 } = found;
  if (firstBroken !== null) return { firstBroken, next: null, checked };
  if (checked === most && lastSeq !== null && lastSha256 !== null) {
    return { firstBroken: null, next: { seq: lastSeq, sha256: lastSha256 }, checked };
  }
  return { firstBroken: await firstMissing(trx, orgId), next: null, checked };
}
