import type { Trx } from '@quarterhour/db';
import type { Kind } from './ledger.js';
import type { Arena } from './arena.js';

/** A fact as it is stored, by its natural key. */
export interface StoredFact {
  readonly kind: Kind;
  readonly orgId: string;
  /** Natural key after the organisation, as the ledger writes it. */
  readonly id: string;
  /** Of the message that brought it, in hexadecimal; null when no message of it is kept. */
  readonly sha256: string | null;
  readonly rows: number;
}

/** A delivery that was set aside. */
export interface StoredAside {
  readonly orgId: string;
  readonly stream: string;
  readonly routingKey: string;
  readonly reason: string;
  /** As the row says. */
  readonly sha256: string;
  /** Of the body that the row holds. */
  readonly bodySha256: string;
  readonly copies: number;
}

/** Deliveries by what became of them. */
export interface StoredCount {
  readonly orgId: string;
  readonly stream: string;
  readonly outcome: string;
  readonly n: number;
}

/** Copies of agreed messages that were understood. */
export interface StoredReceipts {
  readonly orgId: string;
  readonly stream: string;
  readonly copies: number;
}

export interface QueueLength {
  readonly name: string;
  readonly messages: number;
}

/** Everything that is there when a run is over. */
export interface Stored {
  readonly facts: readonly StoredFact[];
  /** Versions that a later one displaced. */
  readonly history: readonly StoredFact[];
  readonly aside: readonly StoredAside[];
  readonly counts: readonly StoredCount[];
  readonly receipts: readonly StoredReceipts[];
  readonly queues: readonly QueueLength[];
}

const DISPATCHES = `
  select 'dispatch' as kind, d.org_id::text as "orgId", d.event_id::text as id, r.sha256, 1 as rows
  from app.dispatch d left join lateral (
    select encode(sha256(r.body), 'hex') as sha256 from app.receipt r
     where r.org_id = d.org_id and r.stream = 'dispatch' and r.content_sha256 = d.content_sha256 and r.outcome = 'stored'
     limit 1) r on true`;

const CONFIGS = `
  select 'config' as kind, e.org_id::text as "orgId", e.message_id as id, r.sha256, 1 as rows
  from app.trading_config_event e left join lateral (
    select encode(sha256(r.body), 'hex') as sha256 from app.receipt r
     where r.org_id = e.org_id and r.stream = 'trading-config' and r.content_sha256 = e.content_sha256
       and r.outcome = 'stored'
     limit 1) r on true
  where e.origin = 'partner'`;

const samplesOf = (table: string): string => `
  select 'realtime' as kind, org_id::text as "orgId",
    plant_id::text || ' ' || (extract(epoch from measured_at) * 1000)::bigint as id,
    encode(body_sha256, 'hex') as sha256, 1 as rows
  from app.${table}`;

const readingsOf = (table: string): string => `
  select 'meter' as kind, org_id::text as "orgId",
    plant_id::text || ' ' || (extract(epoch from read_at) * 1000)::bigint as id,
    encode(body_sha256, 'hex') as sha256, count(*)::int as rows
  from app.${table} group by org_id, plant_id, read_at, body_sha256`;

const ASIDE = `
  select org_id::text as "orgId", stream, routing_key as "routingKey", reason, encode(body_sha256, 'hex') as sha256,
    encode(sha256(body), 'hex') as "bodySha256", copies
  from app.quarantine`;

const COUNTS = `
  select org_id::text as "orgId", stream, outcome, sum(n)::int as n from app.ingest_minute group by 1, 2, 3`;

/** An event of the control API is on record before it is delivered: its first copy is none of a delivery. */
const RECEIPTS = `
  select r.org_id::text as "orgId", r.stream, (sum(r.copies) - count(e.message_id))::int as copies
  from app.receipt r left join app.trading_config_event e on e.org_id = r.org_id and e.message_id = r.message_id
    and r.stream = 'trading-config' and e.origin = 'control-plane'
  group by 1, 2`;

/** Reads it as the administrator, past every row policy. */
export async function readStored(arena: Arena): Promise<Stored> {
  const queues = await arena.api.listQueues(arena.vhost);
  return arena.admin.read([], async (trx) => ({
    facts: [
      ...(await rows<StoredFact>(trx, DISPATCHES)),
      ...(await rows<StoredFact>(trx, CONFIGS)),
      ...(await rows<StoredFact>(trx, samplesOf('telemetry_realtime'))),
      ...(await rows<StoredFact>(trx, readingsOf('telemetry_meter'))),
    ],
    history: [
      ...(await rows<StoredFact>(trx, samplesOf('telemetry_realtime_history'))),
      ...(await rows<StoredFact>(trx, readingsOf('telemetry_meter_history'))),
    ],
    aside: await rows<StoredAside>(trx, ASIDE),
    counts: await rows<StoredCount>(trx, COUNTS),
    receipts: await rows<StoredReceipts>(trx, RECEIPTS),
    queues: queues.map(({ name, messages }) => ({ name, messages })),
  }));
}

/** Deliveries that were counted so far. */
export async function countSettled(arena: Arena): Promise<number> {
  const [row] = await arena.admin.read([], (trx) =>
    rows<{ n: number }>(trx, 'select coalesce(sum(n), 0)::int as n from app.ingest_minute'),
  );
  return row?.n ?? 0;
}

function rows<R extends object>(trx: Trx, text: string): Promise<R[]> {
  return trx.query<R>({ text, values: [] });
}
