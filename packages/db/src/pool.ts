import type { Compilable } from 'kysely';
import type { PoolClient } from 'pg';
import { Pool, TypeOverrides } from 'pg';
import { CommitRefusedError, CommitUnknownError, TransactionMisuseError, UnansweredError } from './errors.js';
import { commitAfter, queryAfter } from './query-after.js';
import type { NamedStatement, Statement } from './statement.js';
import { fromKysely } from './statement.js';
import { scopeOf } from './tenant-scope.js';

/** Where a pool connects to, and how patient it is. */
export interface DatabaseOptions {
  /** Connection URL of one of the application roles, for example `postgres://quarterhour_read:…@host/quarterhour`. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Most connections held at once; a transaction occupies one. */
  readonly maxConnections: number;
  /** The server ends a statement after this long. Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Without an answer after this long the connection is destroyed. Default: the statement timeout and 5 s. */
  readonly answerTimeoutMs?: number;
  /** How long a new connection, or a free one, may be waited for. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Told of errors on connections that nobody was using; they are replaced without further ado. */
  readonly onIdleError?: (error: Error) => void;
}

/** A pool of connections of one role. Everything happens inside a transaction that is limited to some organisations. */
export interface Database {
  /**
   * Runs `work` in one transaction that sees and writes the rows of `organisations` only.
   *
   * Commits when `work` resolves, rolls back when it rejects. A connection that is not idle afterwards is destroyed.
   *
   * @throws CommitUnknownError when COMMIT was answered by an error or not at all
   * @throws CommitRefusedError when `work` swallowed the error of a statement
   * @throws UnansweredError when a statement was not answered in time
   * @throws RangeError when an organisation is not a UUID
   */
  transaction<T>(organisations: readonly string[], work: (trx: Trx) => Promise<T> | T): Promise<T>;

  /**
   * Reads the rows of `organisations` only, and cannot write. Each statement is a transaction of its own and sees what is
   * committed by then, as it would in a longer one; it takes one message to the server and one back. Nothing lasts from one
   * statement to the next: neither a lock nor a setting.
   *
   * @throws UnansweredError when a statement was not answered in time
   * @throws RangeError when an organisation is not a UUID
   */
  read<T>(organisations: readonly string[], work: (trx: Trx) => Promise<T>): Promise<T>;

  /**
   * Runs `work` while nobody else does so under this name, in any process; does nothing where somebody does.
   *
   * The lock belongs to the one connection that all of `work`'s transactions run on: while they do not fail, it is held. It
   * ends with the process, and when the server has not heard from it for thirty seconds, so that one who is stopped, or
   * whose network is gone, gives way to another.
   *
   * @param name of the work, the same in every process
   * @returns null when somebody else is at it
   */
  alone<T>(name: string, work: (held: HeldDatabase) => Promise<T>): Promise<T | null>;

  /** How many transactions wait for a connection. */
  waiting(): number;

  /** Resolves when the database answers. */
  ping(): Promise<void>;

  /** Waits for transactions in hand, then closes every connection. */
  close(): Promise<void>;
}

/** What can be done on the connection that holds a lock; one transaction at a time. */
export type HeldDatabase = Pick<Database, 'transaction' | 'read'>;

/**
 * An open transaction. One statement at a time.
 *
 * `timestamptz`, `date`, `numeric` and `int8` come back as text, never as a Date or a rounded number.
 */
export interface Trx {
  /** Runs a statement and returns its rows. `R` is what the text selects: the caller's promise. */
  query<R extends object>(statement: Statement): Promise<R[]>;

  /** Runs a query that kysely built, prepared under a name made from its text. */
  run<R extends object>(query: Compilable<R>): Promise<R[]>;

  /**
   * Has a statement run before the next one, or before COMMIT, in the same message to the server. Its rows are dropped. When it
   * fails, so does what it travels with, and with its error: of COMMIT that means that nothing is committed.
   *
   * @throws TransactionMisuseError in a read
   */
  defer(statement: NamedStatement): void;
}

const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000;
const ANSWER_GRACE_MS = 5_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
const IDLE_CONNECTION_MS = 60_000;
const LOCK_UNHEARD_MS = 30_000;

/**
 * Opens a pool. Connects when first used.
 *
 * @see Database
 */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? DEFAULT_STATEMENT_TIMEOUT_MS;
  const answerTimeoutMs = options.answerTimeoutMs ?? statementTimeoutMs + ANSWER_GRACE_MS;
  const pool = new Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.maxConnections,
    statement_timeout: statementTimeoutMs,
    connectionTimeoutMillis: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    keepAlive: true,
    types: textTypes(),
  });
  pool.on('error', (error) => options.onIdleError?.(error));

  return {
    transaction: (organisations, work) =>
      withSession(pool, answerTimeoutMs, (session) => writing(session, organisations, work)),
    read: (organisations, work) =>
      withSession(pool, answerTimeoutMs, (session) => reading(session, organisations, work)),
    alone: (name, work) =>
      withSession(pool, answerTimeoutMs, async (session) => {
        if (!(await session.takeLock(name))) return null;
        try {
          return await work({
            transaction: (organisations, inside) => writing(session, organisations, inside),
            read: (organisations, inside) => reading(session, organisations, inside),
          });
        } finally {
          await session.releaseLock();
        }
      }),
    waiting: () => pool.waitingCount,
    ping: () =>
      withSession(pool, answerTimeoutMs, async (session) => {
        await session.command('select 1');
      }),
    close: () => pool.end(),
  };
}

/** The first statement of a transaction brings its beginning with it, the last goes with its end. */
async function writing<T>(
  session: Session,
  organisations: readonly string[],
  work: (trx: Trx) => Promise<T> | T,
): Promise<T> {
  const deferred = [BEGIN, { ...SCOPE, values: [scopeOf(organisations)] }];
  const untouched = deferred.length;
  const course = { hasBegun: false, hasFailed: false };
  const next = () => {
    course.hasBegun = true;
    return deferred.splice(0);
  };
  try {
    const result = await session.lend(work, {
      aheadOfNext: next,
      defer: (statement) => deferred.push(statement),
      failed: () => (course.hasFailed = true),
    });
    if (course.hasFailed) throw new CommitRefusedError();
    if (course.hasBegun || deferred.length > untouched) await session.commit(next());
    return result;
  } catch (error) {
    if (course.hasBegun && !(error instanceof CommitUnknownError)) await session.rollback();
    throw error;
  }
}

function reading<T>(session: Session, organisations: readonly string[], work: (trx: Trx) => Promise<T>): Promise<T> {
  const scope = [{ ...READ_SCOPE, values: [scopeOf(organisations)] }];
  const defer = () => {
    throw new TransactionMisuseError('nothing is deferred in a read: nothing lasts from one statement to the next');
  };
  return session.lend(work, { aheadOfNext: () => scope, defer, failed: () => undefined });
}

/** Borrows a connection and gives it back only when it is idle: otherwise the next borrower would inherit its scope. */
async function withSession<T>(pool: Pool, answerTimeoutMs: number, use: (session: Session) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  const session = new Session(client, answerTimeoutMs);
  client.on('error', session.onConnectionError);
  try {
    return await use(session);
  } finally {
    client.removeListener('error', session.onConnectionError);
    client.release(!session.isIdle());
  }
}

const BEGIN: NamedStatement = { name: 'begin', text: 'begin', values: [] };
const SCOPE = { name: 'scope', text: `select set_config('app.orgs', $1, true)` };
const READ_SCOPE = {
  name: 'read_scope',
  text: `select set_config('transaction_read_only', 'on', true), set_config('app.orgs', $1, true)`,
};

/** What travels with the statements that some work runs. */
interface Luggage {
  /** Goes ahead of the next statement. */
  aheadOfNext(): readonly NamedStatement[];
  defer(statement: NamedStatement): void;
  /** Told of a statement that failed, whoever hears of its error. */
  failed(): void;
}

/** One borrowed connection. */
class Session {
  readonly #client: PoolClient;
  readonly #answerTimeoutMs: number;
  #isBusy = false;
  #isBroken = false;

  constructor(client: PoolClient, answerTimeoutMs: number) {
    this.#client = client;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  readonly onConnectionError = (): void => {
    this.#isBroken = true;
  };

  isIdle(): boolean {
    return !this.#isBroken && !this.#isBusy && this.#client.getTransactionStatus() === 'I';
  }

  async command(text: string): Promise<void> {
    await this.#alone((client) => client.query(text));
  }

  async lend<T>(work: (trx: Trx) => Promise<T> | T, luggage: Luggage): Promise<T> {
    const loan = { isOver: false, luggage };
    try {
      const result = await work(this.#trx(loan));
      if (this.#isBusy) throw new TransactionMisuseError('the work ended before its last statement was answered');
      return result;
    } finally {
      loan.isOver = true;
    }
  }

  async takeLock(name: string): Promise<boolean> {
    const text = `select pg_try_advisory_lock(hashtextextended('quarterhour.' || $1::text, 0)) as taken`;
    const { rows } = await this.#alone((client) => client.query<{ taken: boolean }>({ text, values: [name] }));
    if (rows[0]?.taken !== true) return false;
    await this.command(`set idle_session_timeout = ${LOCK_UNHEARD_MS}`);
    return true;
  }

  /** A connection that cannot is destroyed by {@link withSession}, and the lock with it. */
  async releaseLock(): Promise<void> {
    if (!this.isIdle()) return;
    try {
      await this.command('reset idle_session_timeout; select pg_advisory_unlock_all()');
    } catch {
      this.#isBroken = true;
    }
  }

  /** @throws as {@link commitAfter} */
  async commit(ahead: readonly NamedStatement[]): Promise<void> {
    try {
      await this.#alone((client) => commitAfter(client, ahead));
    } catch (error) {
      throw error instanceof UnansweredError ? new CommitUnknownError(error) : error;
    }
  }

  /** Leaves a connection that cannot roll back to {@link withSession}, which destroys it. */
  async rollback(): Promise<void> {
    if (this.#isBroken || this.#isBusy) return;
    try {
      await this.command('rollback');
    } catch {
      this.#isBroken = true;
    }
  }

  #trx(loan: { readonly isOver: boolean; readonly luggage: Luggage }): Trx {
    const assertOpen = () => {
      if (loan.isOver) throw new TransactionMisuseError('the transaction is over');
    };
    const query = async <R extends object>(statement: Statement): Promise<R[]> => {
      assertOpen();
      try {
        return await this.#alone((client) => queryAfter<R>(client, loan.luggage.aheadOfNext(), statement));
      } catch (error) {
        loan.luggage.failed();
        throw error;
      }
    };
    return {
      query,
      run: (built) => query(fromKysely(built)),
      defer: (statement) => {
        assertOpen();
        loan.luggage.defer(statement);
      },
    };
  }

  #alone<T>(send: (client: PoolClient) => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new TransactionMisuseError('one statement at a time in a transaction');
    this.#isBusy = true;
    return this.#withinDeadline(send(this.#client));
  }

  /** After the deadline the connection stays busy for good, so that it is destroyed and its socket with it. */
  #withinDeadline<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#isBroken = true;
        reject(new UnansweredError(this.#answerTimeoutMs));
      }, this.#answerTimeoutMs);
      const settled = (): void => {
        clearTimeout(deadline);
        this.#isBusy = false;
      };
      answer.then(
        (value) => {
          settled();
          resolve(value);
        },
        (error: unknown) => {
          settled();
          reject(error instanceof Error ? error : new Error('the driver rejected without an error', { cause: error }));
        },
      );
    });
  }
}

const OIDS_READ_AS_TEXT = [
  20, // int8
  1082, // date
  1083, // time
  1114, // timestamp
  1115, // timestamp[]
  1182, // date[]
  1184, // timestamptz
  1185, // timestamptz[]
  1231, // numeric[]
  1266, // timetz
  1700, // numeric
];

function textTypes(): TypeOverrides {
  const overrides = new TypeOverrides();
  for (const oid of OIDS_READ_AS_TEXT) {
    overrides.setTypeParser(oid, (text) => text);
  }
  return overrides;
}
