import { MIGRATIONS, SCHEMA_VERSION } from './migrations/index.js';
import type { Database, Trx } from './pool.js';

/** The database or the role is not what the code relies on; {@link NotReadyError.problems} says what to change. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
  readonly code = 'not_ready';

  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the database is not ready:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** What {@link assertReady} may overlook. */
export interface ReadyOptions {
  /** Accept a server that may lose committed rows in a crash. For tests only. */
  readonly acceptVolatile?: boolean;
}

/**
 * Checks at start what correctness rests on: the schema's version, a role that row-level security binds, a server that
 * keeps what it committed, and the unique indexes that make a redelivery harmless.
 *
 * @throws NotReadyError with every problem at once
 */
export async function assertReady(db: Database, options: ReadyOptions = {}): Promise<void> {
  const problems = await db.read([], async (trx) => [
    ...(await schemaProblems(trx)),
    ...(await roleProblems(trx)),
    ...(options.acceptVolatile === true ? [] : await durabilityProblems(trx)),
    ...(await indexProblems(trx)),
  ]);
  if (problems.length > 0) throw new NotReadyError(problems);
}

async function schemaProblems(trx: Trx): Promise<string[]> {
  const [present] = await trx.query<{ migrated: boolean }>({
    text: `select to_regclass('ops.migration') is not null as migrated`,
    values: [],
  });
  if (present?.migrated !== true) return ['there is no schema yet: run quarterhour migrate'];
  const rows = await trx.query<{ name: string }>({ text: 'select name from ops.migration', values: [] });
  const applied = new Set(rows.map(({ name }) => name));
  const missing = Object.keys(MIGRATIONS).filter((name) => !applied.has(name));
  const unknown = [...applied].filter((name) => !Object.hasOwn(MIGRATIONS, name));
  return [
    ...(missing.length === 0 ? [] : [`the schema is older than ${SCHEMA_VERSION}: run quarterhour migrate`]),
    ...(unknown.length === 0 ? [] : [`the schema is newer than this program, it has ${unknown.join(', ')}`]),
  ];
}

async function roleProblems(trx: Trx): Promise<string[]> {
  const rows = await trx.query<{ name: string }>({
    text: 'select rolname as name from pg_roles where rolname = current_user and (rolsuper or rolbypassrls)',
    values: [],
  });
  return rows.map(({ name }) => `role ${name} is not bound by row-level security: use one of the quarterhour roles`);
}

async function durabilityProblems(trx: Trx): Promise<string[]> {
  const rows = await trx.query<{ name: string }>({
    text: `select name from pg_settings
           where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off' order by name`,
    values: [],
  });
  return rows.map(({ name }) => `${name} is off: a crash of the server would lose what was acknowledged`);
}

/** The keys that `on conflict` relies on. */
const DEDUPLICATION_KEYS = {
  'app.dispatch': ['org_id', 'event_id'],
  'app.receipt': ['org_id', 'stream', 'content_sha256', 'message_id'],
  'app.telemetry_realtime': ['org_id', 'plant_id', 'measured_at'],
  'app.telemetry_meter': ['org_id', 'plant_id', 'device_id', 'register', 'read_at'],
  'app.telemetry_realtime_history': ['org_id', 'plant_id', 'measured_at', 'message_id'],
  'app.telemetry_meter_history': ['org_id', 'plant_id', 'device_id', 'register', 'read_at', 'message_id'],
  'app.trading_config_event': ['org_id', 'message_id'],
  'app.asset_status': ['org_id', 'asset_id', 'effective_at'],
  'app.asset_status_history': ['org_id', 'asset_id', 'effective_at', 'message_id'],
  'app.quarantine': ['org_id', 'stream', 'routing_key', 'body_sha256', 'reason'],
  'app.ingest_minute': ['org_id', 'minute', 'stream', 'worker', 'outcome', 'redelivered'],
} as const;

const UNIQUE_KEYS = `
  select i.indrelid::regclass::text as "table",
    (select array_agg(a.attname::text order by k.n) from unnest(i.indkey) with ordinality k (attnum, n)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum where k.n <= i.indnkeyatts) as columns
  from pg_index i join pg_class c on c.oid = i.indrelid
  where c.relnamespace = to_regnamespace('app') and i.indisunique and i.indisvalid and i.indisready
    and i.indpred is null`;

async function indexProblems(trx: Trx): Promise<string[]> {
  const rows = await trx.query<{ table: string; columns: readonly string[] }>({ text: UNIQUE_KEYS, values: [] });
  const present = new Set(rows.map(({ table, columns }) => `${table} (${columns.join(', ')})`));
  return Object.entries(DEDUPLICATION_KEYS)
    .map(([table, columns]) => `${table} (${columns.join(', ')})`)
    .filter((key) => !present.has(key))
    .map((key) => `the unique key ${key} is missing or invalid: without it a redelivery would be stored twice`);
}
