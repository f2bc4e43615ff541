import { isNativeError } from 'node:util/types';
import { DatabaseError } from 'pg';

/** What a caller should do about an error, see {@link classifyError}. */
export type ErrorClass = 'data' | 'infrastructure' | 'bug' | 'commit-unknown';

/**
 * The answer to COMMIT did not arrive, or arrived as an error: the transaction may be durable or gone.
 *
 * Never report success or failure on it. Read what happened (for a batch: {@link readProgress}) and repeat only what is
 * missing; `cause` is the driver's error.
 */
export class CommitUnknownError extends Error {
  override readonly name = 'CommitUnknownError';
  readonly code = 'commit_unknown';

  constructor(cause: unknown) {
    super('the outcome of COMMIT is unknown', { cause });
  }
}

/**
 * A statement had failed and its error was swallowed by the work function.
 *
 * Nothing of the transaction is stored. This is a fault of the calling code, not of the data.
 */
export class CommitRefusedError extends Error {
  override readonly name = 'CommitRefusedError';
  readonly code = 'commit_refused';

  constructor() {
    super('a failed statement was ignored inside the transaction, which is therefore not committed');
  }
}

/** A statement got no answer in time; its connection has been destroyed, and what it did is not known. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
  readonly code = 'unanswered';

  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`no answer from the database within ${afterMs} ms`);
    this.afterMs = afterMs;
  }
}

/** A transaction was used wrongly: two statements at once, or one after its end. */
export class TransactionMisuseError extends Error {
  override readonly name = 'TransactionMisuseError';
  readonly code = 'transaction_misuse';
}

const STATEMENT_TIMEOUT = '57014';

/** Whether the server ended a statement because it took too long. */
export function isStatementTimeout(error: unknown): boolean {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof DatabaseError) return at.code === STATEMENT_TIMEOUT;
  }
  return false;
}

const DATA_CLASSES = new Set(['22', '23', '54']);
const INFRASTRUCTURE_CLASSES = new Set(['08', '28', '40', '53', '55', '57', '58']);
const READ_ONLY_TRANSACTION = '25006';
const IDLE_IN_TRANSACTION = '25P03';
const PROTOCOL_VIOLATION = '08P01';
const CHECK_VIOLATION = '23514';

/**
 * Says what an error from this package means for the batch or request in hand.
 *
 * - `data`: one row is refused by the database (SQLSTATE 22, 23, 54). Bisect; set the guilty message aside
 * - `infrastructure`: the same call may pass later (08, 28, 40, 53, 55, 57, 58, 25006, 25P03, or no SQLSTATE: socket,
 *   deadline)
 * - `commit-unknown`: see {@link CommitUnknownError}
 * - `bug`: everything else, and those that look like data or infrastructure but are ours: 08P01, and 23514 raised while
 *   looking for a partition. Stop and alarm; neither quarantine nor retry
 */
export function classifyError(error: unknown): ErrorClass {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof CommitUnknownError) return 'commit-unknown';
    if (at instanceof UnansweredError) return 'infrastructure';
    if (at instanceof DatabaseError) return classOfSqlState(at);
    if (isOurs(at)) return 'bug';
  }
  return isNativeError(error) ? 'infrastructure' : 'bug';
}

function classOfSqlState(error: DatabaseError): ErrorClass {
  const code = error.code ?? '';
  if (code === PROTOCOL_VIOLATION) return 'bug';
  if (code === READ_ONLY_TRANSACTION || code === IDLE_IN_TRANSACTION) return 'infrastructure';
  if (code === CHECK_VIOLATION && error.routine === 'ExecFindPartition') return 'bug';
  if (DATA_CLASSES.has(code.slice(0, 2))) return 'data';
  if (INFRASTRUCTURE_CLASSES.has(code.slice(0, 2))) return 'infrastructure';
  return 'bug';
}

function isOurs(error: Error): boolean {
  return (
    error instanceof CommitRefusedError ||
    error instanceof TransactionMisuseError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}

/** Whether the database refused a row for the sake of this constraint. */
export function isConstraintViolation(error: unknown, constraint: string): boolean {
  for (let at = error; isNativeError(at); at = at.cause) {
    if (at instanceof DatabaseError) return at.constraint === constraint;
  }
  return false;
}
