import { CompiledQuery, Kysely, Migrator, PostgresDialect, type DatabaseConnection } from 'kysely';
import { Client, DatabaseError, Pool } from 'pg';
import { grantStatements } from './grants.js';
import { MIGRATIONS, SCHEMA_VERSION } from './migrations/index.js';
import { ensureRoles, OWNER_ROLE, type RolePasswords } from './roles.js';

/** What a migration needs besides the connection. */
export interface MigrateOptions {
  /** Set as verifiers made here: the passwords themselves are not sent. */
  readonly rolePasswords: RolePasswords;
}

/** What a migration found and did. */
export interface MigrationReport {
  /** Names of the migrations that ran now, in order. */
  readonly applied: readonly string[];
  /** Name of the newest migration, whether it ran now or before. */
  readonly schemaVersion: string;
  /** For example `18.4`. */
  readonly serverVersion: string;
  readonly rolesChanged: boolean;
}

/** The server or database cannot hold our schema. */
export class UnsuitableDatabaseError extends Error {
  override readonly name = 'UnsuitableDatabaseError';
  readonly code = 'unsuitable_database';
}

/** The database holds something that is not ours. */
export class NotOursError extends Error {
  override readonly name = 'NotOursError';
  readonly code = 'not_ours';
}

const OLDEST_SERVER = 150_000;

/**
 * Brings a database to the newest schema, with its roles and their rights. Repeating it repairs and is otherwise
 * without effect; several may run at once, on one database or on several of one server.
 *
 * @param adminUrl a superuser, or a user who may create roles and owns the database. A direct connection: the lock is
 *   the session's
 * @throws NotOursError when the database holds tables of somebody else
 * @throws UnsuitableDatabaseError when the server is older than PostgreSQL 15 or the database is not UTF-8
 * @throws RolesNeededError when the roles are missing and the user may not create them
 */
export async function migrate(adminUrl: string, options: MigrateOptions): Promise<MigrationReport> {
  return withClient(adminUrl, async (admin) => {
    const serverVersion = await suitableVersion(admin);
    await assertOursOrEmptyOn(admin);
    await admin.query(`select pg_advisory_lock(hashtextextended('quarterhour.migrate', 0))`);
    const rolesChanged = await ensureRoles(admin, adminUrl, options.rolePasswords);
    await admin.query(`
      create schema if not exists app authorization ${OWNER_ROLE};
      create schema if not exists ops authorization ${OWNER_ROLE}`);
    await ensureModule(admin);
    const applied = await runMigrations(adminUrl);
    await admin.query(`begin; set local role ${OWNER_ROLE}; ${grantStatements().join('; ')}; commit`);
    return { applied, schemaVersion: SCHEMA_VERSION, serverVersion, rolesChanged };
  });
}

/** The module of Postgres' contrib that lets one constraint speak of ids and of times; its database's owner may add it. */
const MODULE = 'btree_gist';
const NOT_AVAILABLE = new Set(['0A000', '58P01']);

async function ensureModule(admin: Client): Promise<void> {
  try {
    await admin.query(`create extension if not exists ${MODULE} with schema ops`);
  } catch (error) {
    if (!(error instanceof DatabaseError) || !NOT_AVAILABLE.has(error.code ?? '')) throw error;
    throw new UnsuitableDatabaseError(`the server lacks ${MODULE}: install PostgreSQL's contrib modules`, {
      cause: error,
    });
  }
}

/**
 * Makes sure that a database is empty or holds our schema and nothing else that has tables.
 *
 * @throws NotOursError naming what was found
 */
export function assertOursOrEmpty(url: string): Promise<void> {
  return withClient(url, assertOursOrEmptyOn);
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'quarterhour migrate' });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function suitableVersion(admin: Client): Promise<string> {
  const { rows } = await admin.query<{ version: string; number: string; encoding: string }>(
    `select split_part(current_setting('server_version'), ' ', 1) as version,
       current_setting('server_version_num') as number, current_setting('server_encoding') as encoding`,
  );
  const { version = '', number, encoding } = rows[0] ?? {};
  if (Number(number) < OLDEST_SERVER) {
    throw new UnsuitableDatabaseError(`PostgreSQL 15 or later is needed, this server is ${version}`);
  }
  if (encoding !== 'UTF8') {
    throw new UnsuitableDatabaseError(`the database's encoding must be UTF8, it is ${encoding ?? 'unknown'}`);
  }
  return version;
}

async function assertOursOrEmptyOn(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
      and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
      and (n.nspname not in ('app', 'ops') or to_regclass('ops.migration') is null)
    order by 1 limit 5`);
  if (rows.length === 0) return;
  throw new NotOursError(`the database holds what is not ours: ${rows.map(({ name }) => name).join(', ')}`);
}

async function runMigrations(adminUrl: string): Promise<string[]> {
  const pool = new Pool({
    connectionString: adminUrl,
    application_name: 'quarterhour migrate',
    max: 1,
  });
  pool.on('error', () => undefined);
  const asOwner = async (connection: DatabaseConnection): Promise<void> => {
    await connection.executeQuery(CompiledQuery.raw(`set role ${OWNER_ROLE}`));
  };
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool, onCreateConnection: asOwner }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
    migrationTableSchema: 'ops',
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  });
  try {
    const { error, results } = await migrator.migrateToLatest();
    if (error !== undefined) throw new Error('a migration failed; nothing of it was applied', { cause: error });
    return (results ?? []).map(({ migrationName }) => migrationName);
  } finally {
    await db.destroy();
  }
}
