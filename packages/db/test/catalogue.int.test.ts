import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { ensurePartitions, LOGIN_ROLES, OWNER_ROLE, type Database } from '@quarterhour/db';
import { TABLE_GRANTS } from '../src/grants.js';
import { connect, dayFromNow, query } from './fixtures.js';

let server: TestDatabase;
let db: Database;

beforeAll(async () => {
  server = await testDatabase();
  db = server.admin;
  const ingest = connect(server.ingestUrl);
  await ensurePartitions(ingest, 'plant-telemetry', [dayFromNow(0)]);
  await ingest.close();
});

afterAll(() => server.drop());

const rowsOf = <R extends object>(text: string): Promise<R[]> => db.read([], (trx) => trx.query<R>(query(text)));

const TABLES = `
  select c.oid, c.relname::text as name, c.relispartition as "isPartition", c.relrowsecurity as enabled,
    c.relforcerowsecurity as forced, pg_get_userbyid(c.relowner) as owner
  from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') order by c.relname`;

interface Table {
  readonly name: string;
  readonly isPartition: boolean;
  readonly enabled: boolean;
  readonly forced: boolean;
  readonly owner: string;
}

const POLICY = '(org_id = ANY ((( SELECT app.orgs() AS orgs))::uuid[]))';

describe('every table of the application', () => {
  test('belongs to the owner role and forces row-level security, partitions included', async () => {
    const tables = await rowsOf<Table>(TABLES);
    expect(tables.filter(({ isPartition }) => isPartition)).toHaveLength(4);
    for (const table of tables) {
      expect(table).toMatchObject({ enabled: true, forced: true, owner: OWNER_ROLE });
    }
  });

  test('has the one policy, word for word', async () => {
    const tables = await rowsOf<Table>(TABLES);
    const policies = await rowsOf<object>(
      `select tablename::text as name, permissive, roles::text[] as roles, cmd, qual, with_check as check
       from pg_policies where schemaname = 'app' and policyname = 'tenant' order by tablename`,
    );
    expect(policies).toEqual(
      tables.map(({ name }) => {
        const text = name === 'organisation' ? POLICY.replace('org_id', 'id') : POLICY;
        return { name, permissive: 'PERMISSIVE', roles: ['public'], cmd: 'ALL', qual: text, check: text };
      }),
    );
  });

  test('has no other policy, but for the register of organisations and for finding a key', async () => {
    const others = await rowsOf<object>(
      `select tablename::text as name, policyname::text as policy, cmd, roles::text[] as roles, qual
       from pg_policies where not (schemaname = 'app' and policyname = 'tenant') order by tablename`,
    );
    expect(others).toEqual([
      { name: 'api_key', policy: 'lookup', cmd: 'SELECT', roles: [OWNER_ROLE], qual: 'true' },
      {
        name: 'organisation',
        policy: 'register',
        cmd: 'SELECT',
        roles: ['quarterhour_control', 'quarterhour_ingest', 'quarterhour_owner'],
        qual: 'true',
      },
    ]);
  });

  test('begins its unique keys with the organisation, but for ids that are used without naming one', async () => {
    const keys = await rowsOf<{ key: string }>(
      `select c.relname || ' (' || (select string_agg(a.attname, ', ' order by k.n)
           from unnest(i.indkey) with ordinality k (attnum, n)
           join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum where k.n <= i.indnkeyatts) || ')' as key
       from pg_index i join pg_class c on c.oid = i.indrelid
       where c.relnamespace = 'app'::regnamespace and i.indisunique and not c.relispartition order by 1`,
    );
    const others = keys.map(({ key }) => key).filter((key) => !key.includes('(org_id'));
    expect(others).toEqual([
      'api_key (id)',
      'api_key (key_digest)',
      'asset (id)',
      'asset_owner (asset_id)',
      'connection_point (id)',
      'external_id (scheme, value)',
      'inverter (id)',
      'organisation (id)',
      'organisation (queue_prefix)',
      'organisation (slug)',
    ]);
  });

  test('has an organisation that is never null', async () => {
    const nullable = await rowsOf<object>(
      `select attrelid::regclass::text as name from pg_attribute a join pg_class c on c.oid = a.attrelid
       where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'org_id'
         and not a.attnotnull`,
    );
    expect(nullable).toEqual([]);
  });
});

describe('the roles', () => {
  test('are bound by row-level security and may nothing beyond their tables', async () => {
    const roles = await rowsOf<object>(
      `select rolname as name, rolcanlogin as login, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb
         or rolreplication as mighty, (select count(*)::int from pg_auth_members m where m.member = r.oid) as memberships
       from pg_roles r where rolname like 'quarterhour\\_%' order by rolname`,
    );
    const login = { login: true, mighty: false, memberships: 0 };
    expect(roles).toEqual([
      { name: LOGIN_ROLES.control, ...login },
      { name: LOGIN_ROLES.ingest, ...login },
      { name: OWNER_ROLE, login: false, mighty: false, memberships: 0 },
      { name: LOGIN_ROLES.read, ...login },
      { name: LOGIN_ROLES.usage, ...login },
    ]);
  });

  test('hold exactly the grants that are declared', async () => {
    const grants = await rowsOf<{ grant: string }>(
      `select n.nspname || '.' || c.relname || ' ' || coalesce(nullif(a.grantee, 0)::regrole::text, 'public') || ' '
           || lower(a.privilege_type) as grant
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       cross join lateral aclexplode(c.relacl) a
       where n.nspname in ('app', 'ops') and a.grantee <> c.relowner order by 1`,
    );
    const declared = Object.entries(TABLE_GRANTS).flatMap(([table, byRole]) =>
      Object.entries(byRole).flatMap(([role, privileges]) =>
        privileges.map((privilege) => `${table} quarterhour_${role} ${privilege}`),
      ),
    );
    expect(grants.map(({ grant }) => grant).sort()).toEqual(declared.sort());
  });

  test('may execute no function that acts with the rights of its owner, but for making partitions and finding a key', async () => {
    const functions = await rowsOf<object>(
      `select p.oid::regprocedure::text as name, p.proconfig as settings,
         array(select r.rolname::text from pg_roles r
           where r.rolname like 'quarterhour\\_%' and r.rolname <> 'quarterhour_owner'
             and has_function_privilege(r.oid, p.oid, 'execute') order by 1) as callers
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('app', 'ops') and p.prosecdef and p.prorettype <> 'trigger'::regtype
       order by 1`,
    );
    expect(functions).toEqual([
      {
        name: 'app.find_api_key(bytea)',
        settings: ['search_path=pg_catalog, pg_temp'],
        callers: [LOGIN_ROLES.control, LOGIN_ROLES.read],
      },
      {
        name: 'ops.ensure_partition(text,date)',
        settings: ['search_path=pg_catalog, pg_temp'],
        callers: [LOGIN_ROLES.control, LOGIN_ROLES.ingest],
      },
    ]);
  });

  test('log in with UTC, no path but the catalogue, and limits', async () => {
    const read = connect(server.readUrl);
    const [settings] = await read.read([], (trx) =>
      trx.query(
        query(`select current_setting('TimeZone') as zone, current_setting('search_path') as path,
          current_setting('default_transaction_read_only') as "readOnly", current_setting('jit') as jit`),
      ),
    );
    await read.close();
    expect(settings).toEqual({ zone: 'UTC', path: 'pg_catalog', readOnly: 'on', jit: 'off' });
  });

  test('lose a session that does nothing inside a transaction, the sooner the more its locks are in the way', async () => {
    const ingest = connect(server.ingestUrl);
    const settings = await ingest.read([], (trx) =>
      trx.query(query(`select current_setting('idle_in_transaction_session_timeout') as idle`)),
    );
    await ingest.close();
    expect(settings).toEqual([{ idle: '15s' }]);
  });

  test('cannot make tables, not even temporary ones that shadow ours', async () => {
    const ingest = connect(server.ingestUrl);
    const create = (name: string): Promise<unknown> =>
      ingest.transaction([], (trx) => trx.query(query(`create table ${name} (id int)`)));
    await expect(create('app.mine')).rejects.toMatchObject({ code: '42501' });
    await expect(create('ops.mine')).rejects.toMatchObject({ code: '42501' });
    await expect(create('public.mine')).rejects.toMatchObject({ code: '42501' });
    await ingest.close();
  });
});
