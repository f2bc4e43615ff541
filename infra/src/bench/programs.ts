import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { environmentWith, readStackEnvironment } from '../environment.js';
import { firstExecutable } from '../stack/programs.js';

const DEBIAN_ROOT = '/usr/lib/postgresql';

/** A client program of Postgres on this machine, of whatever version; undefined when there is none. */
export async function findPostgresClient(program: 'pgbench' | 'psql'): Promise<string | undefined> {
  const { postgresBin, searchPath } = readStackEnvironment();
  const majors = (await readdir(DEBIAN_ROOT).catch(() => [])).map(Number).sort((left, right) => right - left);
  const debian = majors.map((major) => path.join(DEBIAN_ROOT, String(major), 'bin'));
  return firstExecutable(program, [...(postgresBin === undefined ? [] : [postgresBin]), ...debian, ...searchPath]);
}

/** Runs one against a database. The password goes by the environment, where no list of processes shows it. */
export async function runPostgresClient(
  file: string,
  args: readonly string[],
  databaseUrl: string,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(databaseUrl);
  const { password } = url;
  url.password = '';
  const env = environmentWith({ PGPASSWORD: decodeURIComponent(password) });
  const { stdout } = await promisify(execFile)(file, [...args, url.href], { env, signal, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export function missing(program: string): string {
  return `the yardstick is missing: no ${program} on the search path or below ${DEBIAN_ROOT}`;
}
