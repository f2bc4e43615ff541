import { describe, expect, test } from '@jest/globals';
import { DatabaseError } from 'pg';
import {
  classifyError,
  CommitRefusedError,
  CommitUnknownError,
  isStatementTimeout,
  TransactionMisuseError,
  UnansweredError,
} from './errors.js';

function databaseError(code: string, routine?: string): DatabaseError {
  const error = new DatabaseError('said the server', 0, 'error');
  error.code = code;
  error.routine = routine;
  return error;
}

describe('an error of the database', () => {
  test.each([
    ['22P02', 'data', 'text that is no number'],
    ['22021', 'data', 'a character that cannot be stored'],
    ['23502', 'data', 'a value that is missing'],
    ['23505', 'data', 'a key that is taken'],
    ['54000', 'data', 'a limit of the server'],
    ['08006', 'infrastructure', 'a connection that failed'],
    ['53100', 'infrastructure', 'a full disk'],
    ['53300', 'infrastructure', 'too many connections'],
    ['57P01', 'infrastructure', 'a server that stops'],
    ['57014', 'infrastructure', 'a statement that took too long'],
    ['58030', 'infrastructure', 'a disk that fails'],
    ['25006', 'infrastructure', 'a server that only reads for now'],
    ['25P03', 'infrastructure', 'a session that was ended because its process had stood still'],
    ['40001', 'infrastructure', 'a serialisation failure'],
    ['40P01', 'infrastructure', 'a deadlock'],
    ['55P03', 'infrastructure', 'a lock that was not had'],
    ['28P01', 'infrastructure', 'a password that is being changed'],
    ['08P01', 'bug', 'too many parameters, under a code that looks like the network'],
    ['42P01', 'bug', 'a table that is missing'],
    ['42501', 'bug', 'a right that is missing'],
    ['0A000', 'bug', 'what the server cannot do'],
    ['25P02', 'bug', 'a transaction that had failed before'],
    ['21000', 'bug', 'a key twice in one upsert'],
    ['XX000', 'bug', 'what nobody expected'],
  ])('%s is %s: %s', (code, expected) => {
    expect(classifyError(databaseError(code))).toBe(expected);
  });

  test('23514 is a fault of the data, unless a partition was missing', () => {
    expect(classifyError(databaseError('23514', 'ExecConstraints'))).toBe('data');
    expect(classifyError(databaseError('23514', 'ExecFindPartition'))).toBe('bug');
  });

  test('is found under what was wrapped around it', () => {
    const wrapped = new Error('while storing', { cause: new Error('a batch', { cause: databaseError('23505') }) });
    expect(classifyError(wrapped)).toBe('data');
  });
});

describe('an error without SQLSTATE', () => {
  test('of a socket or of the pool is infrastructure', () => {
    expect(classifyError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBe('infrastructure');
    expect(classifyError(new Error('Connection terminated unexpectedly'))).toBe('infrastructure');
    expect(classifyError(new UnansweredError(100))).toBe('infrastructure');
  });

  test('of our own code is a bug', () => {
    expect(classifyError(new TypeError('x is not a function'))).toBe('bug');
    expect(classifyError(new TransactionMisuseError('the transaction is over'))).toBe('bug');
    expect(classifyError(new CommitRefusedError())).toBe('bug');
    expect(classifyError('thrown text')).toBe('bug');
    expect(classifyError(undefined)).toBe('bug');
  });

  test('at COMMIT is unknown, whatever caused it', () => {
    expect(classifyError(new CommitUnknownError(databaseError('23505')))).toBe('commit-unknown');
    expect(classifyError(new Error('a batch', { cause: new CommitUnknownError(undefined) }))).toBe('commit-unknown');
  });
});

test('a statement that took too long is told from others that were ended', () => {
  expect(isStatementTimeout(databaseError('57014'))).toBe(true);
  expect(isStatementTimeout(new Error('a batch', { cause: databaseError('57014') }))).toBe(true);
  expect(isStatementTimeout(databaseError('57P01'))).toBe(false);
  expect(isStatementTimeout(new UnansweredError(100))).toBe(false);
  expect(isStatementTimeout(undefined)).toBe(false);
});
