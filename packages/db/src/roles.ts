import { setTimeout as pause } from 'node:timers/promises';
import { Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import { scramVerifier, verifies } from './scram.js';

/** Owns every object; nobody logs in as it. */
export const OWNER_ROLE = 'quarterhour_owner';

/** The roles that processes log in as, by what they are for. */
export const LOGIN_ROLES = {
  ingest: 'quarterhour_ingest',
  read: 'quarterhour_read',
  control: 'quarterhour_control',
  usage: 'quarterhour_usage',
} as const;

/** What a login role is for. */
export type LoginRole = keyof typeof LOGIN_ROLES;

/** One password per login role: printable ASCII. */
export type RolePasswords = Readonly<Record<LoginRole, string>>;

const SETTINGS: Readonly<Record<LoginRole, Readonly<Record<string, string>>>> = {
  ingest: common({
    statement_timeout: '60s',
    synchronous_commit: 'on',
    // Everything is looked up by keys. A plan that is made while a table has a few pages would read them all, and is kept
    // while the table grows.
    enable_seqscan: 'off',
    // A worker never pauses inside a transaction: after this long it is gone, and its locks are in its successor's way.
    idle_in_transaction_session_timeout: '15s',
  }),
  read: common({ statement_timeout: '30s', default_transaction_read_only: 'on' }),
  control: common({ statement_timeout: '30s', synchronous_commit: 'on' }),
  usage: common({ statement_timeout: '10s' }),
};

/**
 * Pages are short queries with pessimistic estimates: compiling them takes longer than running them. Parallel workers would
 * add measured values up in another order each time, and so to other last digits.
 */
function common(settings: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return {
    TimeZone: 'UTC',
    search_path: 'pg_catalog',
    idle_in_transaction_session_timeout: '60s',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    ...settings,
  };
}

/** The administrator may not create the roles; {@link RolesNeededError.sql} is what somebody who may has to run. */
export class RolesNeededError extends Error {
  override readonly name = 'RolesNeededError';
  readonly code = 'roles_needed';

  readonly sql: string;

  constructor(sql: string, cause: unknown) {
    super(`this user may not create the roles; a superuser can, with:\n\n${sql}`, { cause });
    this.sql = sql;
  }
}

/**
 * The SQL that makes the roles on a server that has none of them, for somebody who may create roles.
 *
 * Contains password verifiers, not passwords.
 *
 * @param passwords one per login role
 * @param admin the user that will run the migrations
 */
export function requiredRoleSql(passwords: RolePasswords, admin: string): string {
  return script([...roleStatements(passwords, new Map()), grantOwner(admin)]);
}

/**
 * Makes the roles as they have to be, and changes nothing that is right already.
 *
 * Roles belong to the whole server: migrations of several databases may do this at once.
 *
 * @param admin an open connection with the rights of `adminUrl`
 * @returns whether anything was changed
 * @throws RolesNeededError when something is to be changed and the user may not
 */
export async function ensureRoles(admin: Client, adminUrl: string, passwords: RolePasswords): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const statements = await missingStatements(admin, adminUrl, passwords);
    try {
      for (const statement of statements) await admin.query(statement);
      return statements.length > 0;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      if (error.code === INSUFFICIENT_PRIVILEGE) throw new RolesNeededError(script(statements), error);
      if (!COLLISIONS.has(error.code ?? '') || attempt === MOST_ATTEMPTS) throw error;
      await pause(attempt * PAUSE_MS);
    }
  }
}

const MOST_ATTEMPTS = 20;
const PAUSE_MS = 25;
const INSUFFICIENT_PRIVILEGE = '42501';
/** What Postgres answers when two sessions change the same role: exists already, concurrently updated, deadlock. */
const COLLISIONS = new Set(['42710', '23505', 'XX000', '40001', '40P01']);

async function missingStatements(admin: Client, adminUrl: string, passwords: RolePasswords): Promise<string[]> {
  const rights = await rightsOf(admin);
  const roles = await presentRoles(admin, rights.readsVerifiers);
  const isOpen = rights.readsVerifiers ? () => Promise.resolve(false) : logsIn;
  const open = new Set<LoginRole>();
  for (const [purpose, password] of entriesOf(passwords)) {
    if (await isOpen(adminUrl, LOGIN_ROLES[purpose], password)) open.add(purpose);
  }
  const statements = roleStatements(passwords, roles, open);
  return rights.mayActAsOwner ? statements : [...statements, grantOwner(rights.name)];
}

function grantOwner(admin: string): string {
  return `grant ${OWNER_ROLE} to ${escapeIdentifier(admin)}`;
}

function script(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};`).join('\n');
}

interface Rights {
  readonly name: string;
  readonly readsVerifiers: boolean;
  readonly mayActAsOwner: boolean;
}

async function rightsOf(admin: Client): Promise<Rights> {
  const { rows } = await admin.query<Rights>(
    `select current_user::text as name, has_table_privilege('pg_catalog.pg_authid', 'select') as "readsVerifiers",
       r.rolsuper or exists (select from pg_roles o where o.rolname = $1 and pg_has_role(o.oid, 'member'))
         as "mayActAsOwner"
     from pg_roles r where r.rolname = current_user`,
    [OWNER_ROLE],
  );
  const [rights] = rows;
  if (rights === undefined) throw new Error('the current user is not a role');
  return rights;
}

/** For a user who may not read verifiers: whether the role's password is the right one already. */
async function logsIn(adminUrl: string, role: string, password: string): Promise<boolean> {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = encodeURIComponent(password);
  const client = new Client({ connectionString: url.href });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

interface PresentRole {
  readonly name: string;
  readonly canLogin: boolean;
  readonly isMighty: boolean;
  readonly settings: readonly string[];
  /** Null when it is not set or may not be read. */
  readonly verifier: string | null;
}

type PresentRoles = ReadonlyMap<string, PresentRole>;

async function presentRoles(admin: Client, readsVerifiers: boolean): Promise<PresentRoles> {
  const { rows } = await admin.query<PresentRole>(
    `select r.rolname as name, r.rolcanlogin as "canLogin",
       r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication as "isMighty",
       coalesce((select s.setconfig from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase = 0), '{}')
         as settings,
       ${readsVerifiers ? '(select a.rolpassword from pg_authid a where a.oid = r.oid)' : 'null'} as verifier
     from pg_roles r where r.rolname = any ($1::text[])`,
    [[OWNER_ROLE, ...Object.values(LOGIN_ROLES)]],
  );
  return new Map(rows.map((role) => [role.name, role]));
}

/** @param open the roles whose password is known to be right although their verifier may not be read */
function roleStatements(
  passwords: RolePasswords,
  present: PresentRoles,
  open: ReadonlySet<LoginRole> = new Set(),
): string[] {
  const owner = present.get(OWNER_ROLE);
  const statements: string[] = [];
  if (owner === undefined) statements.push(`create role ${OWNER_ROLE} nologin`);
  else if (owner.canLogin || owner.isMighty) statements.push(`alter role ${OWNER_ROLE} nologin ${HARMLESS}`);
  for (const [purpose, password] of entriesOf(passwords)) {
    const role = present.get(LOGIN_ROLES[purpose]);
    const hasPassword = open.has(purpose) || (role?.verifier != null && verifies(role.verifier, password));
    statements.push(...loginRoleStatements(purpose, role, hasPassword ? null : password));
  }
  return statements;
}

const HARMLESS = 'nosuperuser nobypassrls nocreaterole nocreatedb noreplication';

function loginRoleStatements(purpose: LoginRole, role: PresentRole | undefined, newPassword: string | null): string[] {
  const name = LOGIN_ROLES[purpose];
  const secret = newPassword === null ? '' : ` password ${escapeLiteral(scramVerifier(newPassword))}`;
  const statements: string[] = [];
  if (role === undefined) statements.push(`create role ${name} login${secret}`);
  else if (role.isMighty) statements.push(`alter role ${name} login ${HARMLESS}${secret}`);
  else if (!role.canLogin || newPassword !== null) statements.push(`alter role ${name} login${secret}`);
  for (const [setting, value] of Object.entries(SETTINGS[purpose])) {
    if (role?.settings.includes(`${setting}=${value}`) === true) continue;
    statements.push(`alter role ${name} set ${setting} = ${escapeLiteral(value)}`);
  }
  return statements;
}

function entriesOf(passwords: RolePasswords): [LoginRole, string][] {
  return [
    ['ingest', passwords.ingest],
    ['read', passwords.read],
    ['control', passwords.control],
    ['usage', passwords.usage],
  ];
}
