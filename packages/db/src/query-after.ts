import { Query, type Connection, type PoolClient, type QueryResultRow } from 'pg';
import type { Statement } from './statement.js';

declare module 'pg' {
  /** What the client calls while it sends a query and reads its answer. */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- a declaration that is merged repeats the parameters
  interface Query<R, I> {
    prepare(connection: Connection): void;
    handleDataRow(message: unknown): void;
    handleCommandComplete(message: unknown, connection: Connection): void;
  }
}

/** A statement that a connection has prepared, and its values. */
export interface Ready {
  readonly name: string;
  readonly values: readonly string[];
}

/**
 * Runs a statement after others that it needs, all in one message to the server and one back. The first that fails is the
 * last. Outside of a transaction they are one by themselves.
 *
 * @param ahead their rows are dropped
 * @returns the rows of the statement
 */
export function queryAfter<R extends QueryResultRow>(
  client: PoolClient,
  ahead: readonly Ready[],
  statement: Statement,
): Promise<R[]> {
  return new Promise((resolve, reject) => {
    client.query(
      new QueryAfter<R>(ahead, statement, (error, rows) => {
        if (error) reject(error);
        else resolve(rows);
      }),
    );
  });
}

/** The client's own query, with something before it on the wire. */
class QueryAfter<R extends QueryResultRow> extends Query<R, unknown[]> {
  readonly #ahead: readonly Ready[];
  #unanswered: number;

  constructor(
    ahead: readonly Ready[],
    { name, text, values }: Statement,
    answer: (error: Error | undefined, rows: R[]) => void,
  ) {
    super({ name, text, values: [...values] }, (error, result) => answer(error ?? undefined, error ? [] : result.rows));
    this.#ahead = ahead;
    this.#unanswered = ahead.length;
  }

  /** The other way to send a query takes nothing before it. */
  requiresPreparation(): boolean {
    return true;
  }

  override prepare(connection: Connection): void {
    for (const { name, values } of this.#ahead) {
      connection.bind({ statement: name, values: [...values] }, true);
      connection.execute({}, true);
    }
    super.prepare(connection);
  }

  override handleDataRow(message: unknown): void {
    if (this.#unanswered === 0) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#unanswered === 0) super.handleCommandComplete(message, connection);
    else this.#unanswered -= 1;
  }
}
