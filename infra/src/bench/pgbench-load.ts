import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Bench } from './bench.js';
import { parseTps, pgbenchScript, type PgbenchScript } from './pgbench-script.js';
import { runPostgresClient } from './programs.js';
import { readPage, startReadApi } from './read-api.js';
import { openStatementRecorder } from './statement-recorder.js';
import type { Store } from './store.js';

const CLIENTS = 8;

/** What the route sends to the database for one page, its scope included. */
export async function recordedScript(
  bench: Bench,
  store: Pick<Store, 'readUrl'>,
  target: string,
): Promise<PgbenchScript> {
  const recorder = await openStatementRecorder(store.readUrl);
  const api = await startReadApi(bench, recorder.url);
  await readPage(api, target);
  recorder.take();
  await readPage(api, target);
  const statements = recorder.take();
  await api.end();
  await recorder.close();
  return pgbenchScript(statements);
}

/** As many clients as the API has connections ask the same again and again. */
export async function transactionsPerSecond(
  { stack, sizes, signal }: Bench,
  { pgbench, script, readUrl }: { pgbench: string; script: PgbenchScript; readUrl: string },
): Promise<number> {
  const file = path.join(stack.folder, 'page.sql');
  await writeFile(file, script.text);
  const variables = Object.entries(script.variables).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const load = ['-n', '-M', 'prepared', '-c', String(CLIENTS), '-j', '1', '-T', String(Math.ceil(sizes.loadSeconds))];
  return parseTps(await runPostgresClient(pgbench, [...load, '-f', file, ...variables], readUrl, signal));
}
