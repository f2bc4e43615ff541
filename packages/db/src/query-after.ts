import { DatabaseError, Query, type Connection, type PoolClient, type QueryResultRow } from 'pg';
import { CommitUnknownError } from './errors.js';
import type { NamedStatement, Statement } from './statement.js';

declare module 'pg' {
  /** What the client calls while it sends a query and reads its answer. */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- a declaration that is merged repeats the parameters
  interface Query<R, I> {
    prepare(connection: Connection): void;
    handleDataRow(message: unknown): void;
    handleCommandComplete(message: unknown, connection: Connection): void;
  }
  interface Connection {
    /** Texts by name. */
    readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  }
}

/**
 * Runs a statement after others that it needs, all in one message to the server and one back. The first that fails is the
 * last. Outside of a transaction they are one by themselves.
 *
 * @param ahead their rows are dropped
 * @returns the rows of the statement
 */
export async function queryAfter<R extends QueryResultRow>(
  client: PoolClient,
  ahead: readonly NamedStatement[],
  statement: Statement,
): Promise<R[]> {
  await prepareAll(client, ahead);
  return answerTo(client, new QueryAfter<R>(ahead, statement));
}

const COMMIT: NamedStatement = { name: 'commit', text: 'commit', values: [] };

/**
 * Ends a transaction after other statements of it, all in one message to the server and one back.
 *
 * @param ahead their rows are dropped
 * @throws CommitUnknownError when COMMIT was answered by an error or not at all
 * @throws DatabaseError when the server says that one of `ahead` failed: then nothing is committed
 */
export async function commitAfter(client: PoolClient, ahead: readonly NamedStatement[]): Promise<void> {
  await prepareAll(client, ahead);
  const commit = new QueryAfter<never>(ahead, COMMIT);
  try {
    await answerTo(client, commit);
  } catch (error) {
    throw error instanceof DatabaseError && !commit.hasBegun ? error : new CommitUnknownError(error);
  }
}

const prepared = new WeakMap<PoolClient, Set<string>>();

/** Once per connection. A statement that does not come by itself is not prepared by the client. */
async function prepareAll(client: PoolClient, statements: readonly NamedStatement[]): Promise<void> {
  const names = prepared.get(client) ?? new Set();
  prepared.set(client, names);
  for (const statement of statements) {
    if (names.has(statement.name)) continue;
    await answerTo(client, new Preparation(statement));
    names.add(statement.name);
  }
}

function answerTo<R extends QueryResultRow>(client: PoolClient, query: AnsweredQuery<R>): Promise<R[]> {
  return new Promise((resolve, reject) => {
    query.onAnswer = (error, rows) => {
      if (error) reject(error);
      else resolve(rows);
    };
    client.query(query);
  });
}

/** The client's own query, sent the way that takes something before it. */
class AnsweredQuery<R extends QueryResultRow> extends Query<R, unknown[]> {
  onAnswer: (error: Error | undefined, rows: R[]) => void = () => undefined;

  constructor({ name, text, values }: Statement) {
    super({ name, text, values: [...values] }, (error, result) => this.onAnswer(error, error ? [] : result.rows));
  }

  requiresPreparation(): boolean {
    return true;
  }
}

/** Has a statement parsed, and not executed. */
class Preparation extends AnsweredQuery<never> {
  readonly #statement: NamedStatement;

  constructor(statement: NamedStatement) {
    super(statement);
    this.#statement = statement;
  }

  override prepare(connection: Connection): void {
    const { name, text } = this.#statement;
    if (connection.parsedStatements[name] === undefined) connection.parse({ name, text, types: [] }, true);
    connection.sync();
  }
}

class QueryAfter<R extends QueryResultRow> extends AnsweredQuery<R> {
  readonly #ahead: readonly NamedStatement[];
  #unanswered: number;

  constructor(ahead: readonly NamedStatement[], statement: Statement) {
    super(statement);
    this.#ahead = ahead;
    this.#unanswered = ahead.length;
  }

  /** Whether everything ahead of it is done. */
  get hasBegun(): boolean {
    return this.#unanswered === 0;
  }

  override prepare(connection: Connection): void {
    for (const { name, values } of this.#ahead) {
      connection.bind({ statement: name, values: values.map(onTheWire) }, true);
      connection.execute({}, true);
    }
    super.prepare(connection);
  }

  override handleDataRow(message: unknown): void {
    if (this.hasBegun) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.hasBegun) super.handleCommandComplete(message, connection);
    else this.#unanswered -= 1;
  }
}

/** As the client does it with the values of a statement that comes by itself. @throws TypeError for what no statement has */
function onTheWire(value: unknown): string | Buffer | null {
  if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`a ${typeof value} is no value of a statement`);
}
