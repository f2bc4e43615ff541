import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { knownAt, openDatabase } from '@quarterhour/db';
import { testDatabase, type TestDatabase } from '@quarterhour/testkit';
import { parseTps, pgbenchScript } from '../src/bench/pgbench-script.js';
import { findPostgresClient, runPostgresClient } from '../src/bench/programs.js';
import { openStatementRecorder, type StatementRecorder } from '../src/bench/statement-recorder.js';

const ORGANISATION = '0190a000-0000-7000-8000-000000000001';

let database: TestDatabase;
let recorder: StatementRecorder;

beforeAll(async () => {
  database = await testDatabase();
  recorder = await openStatementRecorder(database.readUrl);
});
afterAll(async () => {
  await recorder.close();
  await database.drop();
});

/** What a transaction by way of the recorder sends, the second time it is run on its connection. */
async function recorded() {
  const db = openDatabase({ url: recorder.url, applicationName: 'recorded', maxConnections: 1 });
  const ask = () =>
    db.read([ORGANISATION], async (trx) => {
      await knownAt(trx);
      return trx.query({ name: 'greeting', text: 'select $1::text as who, $2::int8 as n', values: ['{"ö"}', 7] });
    });
  await ask();
  recorder.take();
  await ask();
  await db.close();
  return recorder.take();
}

describe('recording what a process asks its database', () => {
  test('each statement comes out after its scope, with its parameters', async () => {
    const statements = await recorded();
    const scope = { kind: 'prepared', values: [`{${ORGANISATION}}`] };
    expect(statements).toMatchObject([
      scope,
      { kind: 'prepared', values: [] },
      scope,
      { kind: 'prepared', text: 'select $1::text as who, $2::int8 as n', values: ['{"ö"}', '7'] },
    ]);
  });

  test('pgbench can do the same', async () => {
    const pgbench = await findPostgresClient('pgbench');
    if (pgbench === undefined) return;
    const folder = await mkdtemp(path.join(tmpdir(), 'recorder-'));
    try {
      const { text, variables } = pgbenchScript(await recorded());
      const file = path.join(folder, 'script.sql');
      await writeFile(file, text);
      const set = Object.entries(variables).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
      const args = ['-n', '-M', 'prepared', '-t', '5', '-f', file, ...set];
      const output = await runPostgresClient(pgbench, args, database.readUrl, AbortSignal.timeout(20_000));
      expect(parseTps(output)).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
