import type { UtcInstant } from '@quarterhour/domain';
import { byteaArray, plainArray, textArray } from '../array-literals.js';
import type { LineFormat, LinesReader } from '../lines.js';
import { queryLines, startingAfter } from '../lines.js';
import type { Trx } from '../pool.js';
import type { KeyColumns, Page, PageSource, Projection } from '../projection.js';
import { queryPage } from '../projection.js';
import { StatementParameters, prepared } from '../statement.js';
import type { RowVerdict } from './insert-once.js';
import type { VersionVerdict } from './keep-versions.js';

/** A message of a precious stream as it is kept beside the fact that it brought. */
export interface Receivable {
  readonly orgId: string;
  /** SHA-256 of the canonical content: what decides between duplicate and conflict. 32 bytes. */
  readonly contentSha256: Buffer;
  /** The publisher's id of the message. */
  readonly messageId: string;
  /** The message as it arrived. */
  readonly body: Buffer;
  /** The organisation's `known_at` of this transaction, from `raiseKnownAt`; null: as it is raised by then. */
  readonly receivedAt: UtcInstant | null;
}

const OUTCOMES = {
  stored: 'stored',
  revised: 'revised',
  duplicate: 'duplicate',
  rejected: 'rejected',
  conflict: 'quarantined',
} as const;

const INSERT = `
  insert into app.receipt as r (org_id, stream, content_sha256, message_id, outcome, body, first_received_at,
    last_received_at, copies)
  select o.org_id, $1::text, o.content_sha256, o.message_id, o.outcome, o.body, received.at, received.at, o.copies
  from unnest($2::uuid[], $3::bytea[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[], $8::int[])
      as o (org_id, content_sha256, message_id, outcome, body, received_at, copies)
    cross join lateral (
      select coalesce(o.received_at, (select h.known_at from app.org_head h where h.org_id = o.org_id)) as at) received
  on conflict (org_id, stream, content_sha256, message_id) do update
    set copies = r.copies + excluded.copies,
      last_received_at = greatest(r.last_received_at, excluded.last_received_at)`;

/**
 * Keeps one receipt per distinct message: organisation, message id and content. A message that comes again keeps the
 * outcome it had: only its copies are counted. With whatever the transaction does next.
 *
 * @param verdicts what became of `rows`, in their order
 */
export function insertReceipts(
  trx: Trx,
  stream: string,
  rows: readonly Receivable[],
  verdicts: readonly ReceiptVerdict[],
): void {
  const receipts = countCopies(rows, verdicts);
  if (receipts.length === 0) return;
  trx.defer(
    prepared(INSERT, [
      stream,
      plainArray(receipts.map(({ row }) => row.orgId)),
      byteaArray(receipts.map(({ row }) => row.contentSha256)),
      textArray(receipts.map(({ row }) => row.messageId)),
      textArray(receipts.map(({ verdict }) => OUTCOMES[verdict])),
      byteaArray(receipts.map(({ row }) => row.body)),
      plainArray(receipts.map(({ row }) => row.receivedAt)),
      plainArray(receipts.map(({ copies }) => copies)),
    ]),
  );
}

/** What may have become of a message's fact. */
export type ReceiptVerdict = RowVerdict | VersionVerdict | 'rejected';

interface CountedReceipt {
  readonly row: Receivable;
  readonly verdict: ReceiptVerdict;
  copies: number;
}

function countCopies(rows: readonly Receivable[], verdicts: readonly ReceiptVerdict[]): CountedReceipt[] {
  const byKey = new Map<string, CountedReceipt>();
  for (const [index, row] of rows.entries()) {
    const key = `${row.orgId} ${row.contentSha256.toString('hex')} ${row.messageId}`;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { row, verdict: verdicts[index] ?? 'stored', copies: 1 });
    else known.copies += 1;
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, receipt]) => receipt);
}

/**
 * Columns that a projection of receipts may show. Null where they mean nothing: `copies` of telemetry, which is kept by
 * instant; `quarantine_…`, `reason`, `path` and `detail` of what was not set aside; `plant_id` and what follows of what is
 * not telemetry. `outcome` is what became of the message when it first came; `rows` and `current_rows` count the samples or
 * registers that the message brought, and those of them that no later message displaced; `rejection_reason` says why a
 * command was refused.
 */
export type ReceiptColumn =
  | 'org_id'
  | 'stream'
  | 'message_id'
  | 'outcome'
  | 'first_received_at'
  | 'last_received_at'
  | 'copies'
  | 'quarantine_id'
  | 'quarantine_state'
  | 'replayed_as'
  | 'reason'
  | 'path'
  | 'detail'
  | 'plant_id'
  | 'measured_at'
  | 'published_at'
  | 'kind'
  | 'rows'
  | 'current_rows'
  | 'rejection_reason';

/** Where a page of receipts ended. */
export interface ReceiptKey {
  readonly firstReceivedAt: UtcInstant;
  readonly entry: string;
}

/** What is looked for: a message by its id, or the messages that brought telemetry of a plant and instant. */
export type Receipted = { readonly messageId: string } | { readonly plantId: string; readonly measuredAt: UtcInstant };

/** What is looked for, and which page of it. */
export type ReceiptQuery = Receipted & {
  /** Starts after this row. */
  readonly after?: ReceiptKey;
  readonly limit: number;
};

/**
 * One page of what is known about messages, oldest first: receipts of precious streams, deliveries that were set aside,
 * and telemetry, whose receipt is the stored row and which is found by plant and instant only.
 */
export function listReceipts(
  trx: Trx,
  query: ReceiptQuery,
  projection: Projection<ReceiptColumn>,
): Promise<Page<ReceiptKey>> {
  return queryPage(trx, receiptSource(query, projection));
}

/** The same, part by part. */
export function exportReceipts(
  query: Receipted,
  projection: Projection<ReceiptColumn>,
  format: LineFormat,
): LinesReader<ReceiptKey> {
  return (trx, after, limit) =>
    queryLines(trx, receiptSource({ ...query, ...startingAfter(after), limit }, projection), format);
}

function receiptSource(
  query: ReceiptQuery,
  projection: Projection<ReceiptColumn>,
): PageSource<ReceiptKey, ReceiptColumn> {
  const parameters = new StatementParameters();
  const entries =
    'messageId' in query
      ? entriesOfMessage(parameters.bind(query.messageId))
      : entriesOfInstant(parameters.bind(query.plantId), parameters.bind(query.measuredAt));
  const rows = `
    select e.* from (${entries}) e ${query.after === undefined ? '' : `where ${beyond(query.after, parameters)}`}
    order by e.first_received_at, e.entry collate "C" limit ${parameters.bind(query.limit + 1)}::int8`;
  return { rows, parameters, projection, key: RECEIPT_KEY, limit: query.limit };
}

const RECEIPT_KEY: KeyColumns<ReceiptKey> = {
  firstReceivedAt: { column: 'first_received_at', as: 'instant' },
  entry: { column: 'entry', as: 'text' },
};

/** What was set aside as a conflict has a receipt as well; it is told once, with its reason. */
function entriesOfMessage(messageId: string): string {
  return `
    select 'receipt ' || r.stream || ' ' || encode(r.content_sha256, 'hex') as entry, r.org_id, r.stream, r.message_id,
      r.outcome, r.first_received_at, r.last_received_at, r.copies, null::uuid as quarantine_id,
      null::text as quarantine_state, null::text as replayed_as, null::text as reason, null::text as path,
      null::text as detail, null::uuid as plant_id, null::timestamptz as measured_at,
      null::timestamptz as published_at, null::text as kind, null::int8 as rows, null::int8 as current_rows,
      c.rejection_reason
    from app.receipt r left join app.command_log c on r.stream = 'partner-command' and c.org_id = r.org_id
      and c.message_id = r.message_id and c.content_sha256 = r.content_sha256
    where r.message_id = ${messageId}::text and r.outcome <> 'quarantined'
    union all
    select 'quarantine ' || q.id, q.org_id, q.stream, q.message_id, 'quarantined', q.first_seen, q.last_seen, q.copies,
      q.id, q.state, q.replayed_as, q.reason, q.path, q.detail, null, null, null, null, null, null, null
    from app.quarantine q where q.message_id = ${messageId}::text`;
}

/** The first version of an instant was stored, the others revised it. */
function entriesOfInstant(plantId: string, instant: string): string {
  const owned = (table: string, column: string) =>
    `app.${table} t join app.plant p on p.org_id = t.org_id and p.id = t.plant_id
       where p.id = ${plantId}::uuid and t.${column} = ${instant}::timestamptz`;
  return `
    with version as (
      select t.org_id, t.message_id, t.published_at, t.received_at, t.plant_id, t.measured_at, 'realtime' as kind,
        '' as part, true as is_current from ${owned('telemetry_realtime', 'measured_at')}
      union all
      select t.org_id, t.message_id, t.published_at, t.received_at, t.plant_id, t.measured_at, 'realtime',
        '', false from ${owned('telemetry_realtime_history', 'measured_at')}
      union all
      select t.org_id, t.message_id, t.published_at, t.received_at, t.plant_id, t.read_at, 'meter',
        t.device_id || ' ' || t.register, true from ${owned('telemetry_meter', 'read_at')}
      union all
      select t.org_id, t.message_id, t.published_at, t.received_at, t.plant_id, t.read_at, 'meter',
        t.device_id || ' ' || t.register, false from ${owned('telemetry_meter_history', 'read_at')}
    ), placed as (
      select v.*, v.received_at > min(v.received_at) over (partition by v.kind, v.part) as is_revision from version v
    )
    select 'telemetry ' || v.kind || ' ' || v.message_id as entry, v.org_id, 'plant-telemetry' as stream, v.message_id,
      case when bool_or(v.is_revision) then 'revised' else 'stored' end as outcome,
      min(v.received_at) as first_received_at, min(v.received_at) as last_received_at, null::int4 as copies,
      null::uuid as quarantine_id, null::text as quarantine_state, null::text as replayed_as, null::text as reason,
      null::text as path, null::text as detail, v.plant_id, v.measured_at, min(v.published_at) as published_at, v.kind,
      count(*) as rows, count(*) filter (where v.is_current) as current_rows, null::text as rejection_reason
    from placed v group by v.org_id, v.kind, v.message_id, v.plant_id, v.measured_at`;
}

function beyond({ firstReceivedAt, entry }: ReceiptKey, parameters: StatementParameters): string {
  return `(e.first_received_at, e.entry collate "C") > (${parameters.bind(firstReceivedAt)}::timestamptz, ${parameters.bind(entry)}::text collate "C")`;
}
