import type { Trx } from '../pool.js';
import { prepared } from '../statement.js';
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
  const [tail] = await trx.query<{ headSeq: string; lastSeq: string; isSame: boolean }>(prepared(TAIL, [orgId]));
  if (tail === undefined) return null;
  const [head, last] = [Number(tail.headSeq), Number(tail.lastSeq)];
  if (head === last) return tail.isSame ? null : last;
  return Math.min(head, last) + 1;
}
