import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { anAsset, anOrganisation, testDatabase, testServers } from '@quarterhour/testkit';
import { Kysely, PostgresDialect, sql, type Migration } from 'kysely';
import { Client, Pool } from 'pg';
import {
  assertOursOrEmpty,
  assertReady,
  migrate,
  NotOursError,
  NotReadyError,
  requiredRoleSql,
  RolesNeededError,
  OWNER_ROLE,
  SCHEMA_VERSION,
  UnsuitableDatabaseError,
} from '@quarterhour/db';
import { partnersInUse } from '../src/migrations/0009-partners-in-use.js';
import { assetRegistry } from '../src/migrations/0011-asset-registry.js';
import { MIGRATIONS } from '../src/migrations/index.js';
import { connect } from './fixtures.js';

const { adminDatabaseUrl, rolePassword } = testServers();
const rolePasswords = { ingest: rolePassword, read: rolePassword, control: rolePassword, usage: rolePassword };

const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function emptyDatabase(kind = ''): Promise<string> {
  const name = `quarterhour_test_${randomBytes(6).toString('hex')}`;
  await run(adminDatabaseUrl, `create database ${name} ${kind}`);
  undo.push(() => run(adminDatabaseUrl, `drop database if exists ${name} with (force)`));
  const url = new URL(adminDatabaseUrl);
  url.pathname = name;
  return url.href;
}

async function migratedDatabase(): Promise<string> {
  const database = await testDatabase();
  undo.push(() => database.drop());
  return database.adminUrl;
}

/** Runs commands as one transaction and returns the rows of the last. */
async function run(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const results = [await client.query<Record<string, unknown>>(text)].flat();
    return results.at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}

function as(url: string, user: string, password: string): string {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  return changed.href;
}

describe('migrate', () => {
  test('brings an empty database to the newest schema, and changes nothing the second time', async () => {
    const url = await emptyDatabase();
    const first = await migrate(url, { rolePasswords });
    expect(first).toMatchObject({ applied: Object.keys(MIGRATIONS), schemaVersion: SCHEMA_VERSION });
    expect(Number.parseFloat(first.serverVersion)).toBeGreaterThanOrEqual(15);
    expect(await migrate(url, { rolePasswords })).toMatchObject({ applied: [], rolesChanged: false });
  });

  test('may be started by several at once, on one database and on another', async () => {
    const [one, other] = [await emptyDatabase(), await emptyDatabase()];
    const reports = await Promise.all([one, one, one, other, other].map((url) => migrate(url, { rolePasswords })));
    expect(reports.flatMap(({ applied }) => applied).sort()).toEqual(
      Object.keys(MIGRATIONS).flatMap((name) => [name, name]),
    );
  });

  test('puts grants right that somebody changed', async () => {
    const url = await migratedDatabase();
    await run(
      url,
      'grant truncate on app.dispatch to quarterhour_ingest; revoke select on app.dispatch from quarterhour_read',
    );
    await migrate(url, { rolePasswords });
    const [rights] = await run(
      url,
      `select has_table_privilege('quarterhour_ingest', 'app.dispatch', 'truncate') as truncates,
         has_table_privilege('quarterhour_read', 'app.dispatch', 'select') as reads`,
    );
    expect(rights).toEqual({ truncates: false, reads: true });
  });

  test('lets every role in with its password', async () => {
    const url = await migratedDatabase();
    for (const role of Object.keys(rolePasswords)) {
      const db = connect(as(url, `quarterhour_${role}`, rolePassword), 1);
      await expect(db.ping()).resolves.toBeUndefined();
      await db.close();
    }
  });

  test('refuses a database that holds tables of somebody else, and touches nothing', async () => {
    const url = await emptyDatabase();
    await run(url, 'create table public.invoice (id int)');
    const refused = migrate(url, { rolePasswords });
    await expect(refused).rejects.toBeInstanceOf(NotOursError);
    await expect(refused).rejects.toThrow('public.invoice');
    expect(await run(url, `select 1 from pg_namespace where nspname in ('app', 'ops')`)).toEqual([]);
  });

  test('refuses a database with a schema of the same name that is not ours', async () => {
    const url = await emptyDatabase();
    await run(url, 'create schema app; create table app.cart (id int)');
    await expect(migrate(url, { rolePasswords })).rejects.toThrow('app.cart');
  });

  test('refuses an encoding that cannot hold every text', async () => {
    const url = await emptyDatabase(`template template0 encoding 'SQL_ASCII' locale 'C'`);
    await expect(migrate(url, { rolePasswords })).rejects.toBeInstanceOf(UnsuitableDatabaseError);
  });

  test('says which SQL somebody mightier has to run, and is content once it was run', async () => {
    const url = await emptyDatabase();
    const user = `somebody_${randomBytes(4).toString('hex')}`;
    const name = new URL(url).pathname.slice(1);
    await run(url, `create role ${user} login password '${user}'; alter database ${name} owner to ${user}`);
    undo.unshift(() => run(adminDatabaseUrl, `drop role ${user}`));
    const error = await migrate(as(url, user, user), { rolePasswords }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(RolesNeededError);
    if (!(error instanceof RolesNeededError)) throw new Error('unreachable');
    await run(url, error.sql);
    const report = await migrate(as(url, user, user), { rolePasswords });
    expect(report.applied).toEqual(Object.keys(MIGRATIONS));
  });

  test('prints SQL without passwords for a server that has no roles yet', () => {
    const sql = requiredRoleSql({ ...rolePasswords, read: 'a very plain word' }, 'somebody');
    expect(sql).toContain("create role quarterhour_read login password 'SCRAM-SHA-256$4096:");
    expect(sql).toContain('grant quarterhour_owner to "somebody"');
    expect(sql).not.toContain('a very plain word');
  });
});

describe('an installation that had partners before there was trading control', () => {
  test('takes them in as before: who has a queue prefix is enabled, who decided otherwise is left alone', async () => {
    const url = await migratedDatabase();
    const admin = connect(url, 1);
    const partner = await anOrganisation(admin, { tradingState: null });
    const silent = await anOrganisation(admin, { tradingState: null, queuePrefix: null });
    const decided = await anOrganisation(admin, { tradingState: 'PAUSED' });
    await admin.close();
    await upgrade(url, partnersInUse);
    const rows = await run(url, 'select org_id, state, wanted_version::int as wanted from app.trading_config');
    expect(new Map(rows.map(({ org_id: id, ...row }) => [id, row]))).toEqual(
      new Map([
        [partner.id, { state: 'ENABLED', wanted: 1 }],
        [decided.id, { state: 'PAUSED', wanted: 1 }],
      ]),
    );
    expect(rows.some(({ org_id: id }) => id === silent.id)).toBe(false);
  });

  test('may have no partner at all', async () => {
    const url = await migratedDatabase();
    await upgrade(url, partnersInUse);
    expect(await run(url, 'select 1 from app.trading_config')).toEqual([]);
  });
});

describe('an installation that had assets before it remembered whose they are', () => {
  test('remembers those that it has, whoever owns them', async () => {
    const url = await migratedDatabase();
    const admin = connect(url, 1);
    const owners = [await anOrganisation(admin), await anOrganisation(admin)];
    const expected: { asset_id: string; org_id: string }[] = [];
    for (const owner of owners) expected.push({ asset_id: await anAsset(admin, owner), org_id: owner.id });
    await admin.close();
    await beforeRegistry(url);
    await upgrade(url, assetRegistry);
    expect(await run(url, 'select asset_id, org_id from app.asset_owner order by 1')).toEqual(expected);
  });

  test('may have none, and nobody who owns any', async () => {
    const url = await migratedDatabase();
    await beforeRegistry(url);
    await upgrade(url, assetRegistry);
    expect(await run(url, 'select 1 from app.asset_owner')).toEqual([]);
  });

  const beforeRegistry = (url: string) =>
    run(
      url,
      `drop trigger remember_owner on app.asset; drop function app.remember_asset_owner;
       drop table app.asset_owner, app.asset_status, app.asset_status_history, app.answered_request`,
    );
});

async function upgrade(url: string, migration: Migration): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  await db.transaction().execute(async (trx) => {
    await sql`set local role ${sql.id(OWNER_ROLE)}`.execute(trx);
    await migration.up(trx);
  });
  await db.destroy();
}

describe('a database is ours or empty', () => {
  test('when it is new, and when it was migrated', async () => {
    const url = await emptyDatabase();
    await expect(assertOursOrEmpty(url)).resolves.toBeUndefined();
    await migrate(url, { rolePasswords });
    await expect(assertOursOrEmpty(url)).resolves.toBeUndefined();
  });

  test('unless it holds another view or table', async () => {
    const url = await migratedDatabase();
    await run(url, 'create view public.report as select 1 as n');
    await expect(assertOursOrEmpty(url)).rejects.toThrow('public.report');
  });
});

describe('the check at start', () => {
  const checked = async (url: string): Promise<readonly string[]> => {
    const db = connect(url, 1);
    try {
      await assertReady(db, { acceptVolatile: true });
      return [];
    } catch (error) {
      if (error instanceof NotReadyError) return error.problems;
      throw error;
    } finally {
      await db.close();
    }
  };
  const ingest = (url: string): string => as(url, 'quarterhour_ingest', rolePassword);

  test('is content with a migrated database and our roles', async () => {
    const url = await migratedDatabase();
    expect(await checked(ingest(url))).toEqual([]);
    expect(await checked(as(url, 'quarterhour_read', rolePassword))).toEqual([]);
  });

  test('misses the schema, and names the command that makes it', async () => {
    expect((await checked(ingest(await emptyDatabase())))[0]).toContain('quarterhour migrate');
  });

  test('refuses a schema that is newer than the program, and one that is older', async () => {
    const url = await migratedDatabase();
    await run(url, `update ops.migration set name = '9999-the-future' where name = '${SCHEMA_VERSION}'`);
    expect(await checked(ingest(url))).toEqual([
      `the schema is older than ${SCHEMA_VERSION}: run quarterhour migrate`,
      'the schema is newer than this program, it has 9999-the-future',
    ]);
  });

  test('refuses a role that row-level security does not bind', async () => {
    const url = await migratedDatabase();
    expect((await checked(url))[0]).toContain('not bound by row-level security');
  });

  test('misses a unique key without which a redelivery is stored twice', async () => {
    const url = await migratedDatabase();
    await run(url, 'alter table app.dispatch drop constraint dispatch_pkey');
    const [problem, ...others] = await checked(ingest(url));
    expect(problem).toContain('app.dispatch (org_id, event_id)');
    expect(others).toEqual([]);
  });

  test('misses durability where the session gives it up', async () => {
    const url = await migratedDatabase();
    const db = connect(`${ingest(url)}?options=-c%20synchronous_commit%3Doff`, 1);
    await expect(assertReady(db)).rejects.toThrow('synchronous_commit is off');
    await db.close();
  });
});
