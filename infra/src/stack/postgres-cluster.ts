import { execFile } from 'node:child_process';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverEnvironment } from '../environment.js';
import { reasonOf, StackError } from './errors.js';
import { freePort } from './ports.js';
import { OLDEST_MAJOR } from './postgres-binaries.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { createDatabaseUnlessThere, serverVersion } from './postgres-session.js';
import { isRunning } from './processes.js';
import type { Ending, ProcessRecord } from './processes.js';
import { spawnServer, untilReady, withFreshPorts } from './server-process.js';
import type { ServerUser } from './server-user.js';
import type { DatabaseServer, Purpose, StartOptions } from './stack.js';

const SUPERUSER = 'postgres';
const DATABASE = 'quarterhour';
const READY_WITHIN_MS = 60_000;
const MAX_CONNECTIONS = 200;

/** Demo data is kept, so it is shut down in order; what a test leaves behind is deleted anyway. */
const ENDING: Record<Purpose, readonly Ending[]> = {
  demo: [
    { signal: 'SIGINT', graceMs: 15_000 },
    { signal: 'SIGQUIT', graceMs: 5_000 },
    { signal: 'SIGKILL', graceMs: 5_000 },
  ],
  test: [
    { signal: 'SIGQUIT', graceMs: 5_000 },
    { signal: 'SIGKILL', graceMs: 5_000 },
  ],
};

/**
 * Only tests run without fsync: it protects from a crash of the machine, not of the server. `synchronous_commit` stays on
 * for tests as well, because a killed server must not lose what it has confirmed.
 */
const SETTINGS: Record<Purpose, readonly string[]> = { demo: [], test: ['fsync=off', 'full_page_writes=off'] };

/** Starts a private Postgres on a free port of the loopback interface, creating its data directory at the first run. */
export async function startPostgres(
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  secret: string,
  options: StartOptions,
): Promise<DatabaseServer> {
  const data = path.join(options.folder, 'postgres');
  await refuseOtherMajor(data, binaries);
  if ((await majorIn(data)) === undefined) await initialise(data, binaries, user, secret, options);
  return withFreshPorts(async () => {
    const port = await freePort();
    const url = `postgres://${SUPERUSER}:${secret}@127.0.0.1:${port}/postgres`;
    await clearPidFile(data);
    const server = await spawnServer({
      title: `Postgres ${binaries.version}`,
      file: path.join(binaries.bin, 'postgres'),
      args: ['-D', data, ...settings(port, options.purpose).flatMap((setting) => ['-c', setting])],
      env: serverEnvironment({}),
      cwd: data,
      logFile: path.join(options.folder, 'postgres.log'),
      user,
    });
    await options.run.record(recordOf(server.pid, data, options.purpose));
    const version = await untilReady(server, () => serverVersion(url), {
      timeoutMs: READY_WITHIN_MS,
      signal: options.signal,
    });
    const adminUrl = await createDatabaseUnlessThere(url, DATABASE);
    return { adminUrl, source: `local ${binaries.version} (${binaries.from})`, version };
  });
}

async function refuseOtherMajor(data: string, binaries: PostgresBinaries): Promise<void> {
  const major = await majorIn(data);
  if (major === undefined || major === binaries.major) return;
  throw new StackError(
    `The data in ${data} was written by Postgres ${major}; the server found here is ${binaries.version} ` +
      `(${binaries.bin}), and one major version cannot read another's files.\n` +
      (major < OLDEST_MAJOR
        ? ''
        : `To use the data, name a Postgres ${major}:  QUARTERHOUR_PG_BIN=/usr/lib/postgresql/${major}/bin npm start\n`) +
      'To begin anew without it:  npm start -- --reset',
  );
}

async function majorIn(data: string): Promise<number | undefined> {
  const text = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** A run that was interrupted while creating the directory leaves one without PG_VERSION: it is created anew. */
async function initialise(
  data: string,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  secret: string,
  { folder, purpose, signal }: StartOptions,
): Promise<void> {
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { mode: 0o700 });
  const passwordFile = path.join(folder, 'postgres-password');
  await writeFile(passwordFile, secret, { mode: 0o600 });
  if (user !== undefined) await Promise.all([data, passwordFile].map((file) => chown(file, user.uid, user.gid)));
  const locale = process.platform === 'darwin' ? 'C' : 'C.UTF-8';
  try {
    await promisify(execFile)(
      path.join(binaries.bin, 'initdb'),
      [
        ...['-D', data, '-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
        ...['--encoding=UTF8', `--locale=${locale}`, ...(purpose === 'test' ? ['--no-sync'] : [])],
      ],
      {
        cwd: data,
        env: serverEnvironment({}),
        signal,
        ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      },
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw new StackError(`initdb of Postgres ${binaries.version} failed.\n${reasonOf(error)}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * Removes the note of a server that was killed. Postgres itself asks only whether its pid exists, which is true of a
 * zombie and of a stranger that got the number.
 */
async function clearPidFile(data: string): Promise<void> {
  const file = path.join(data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (pid > 1 && (await isRunning({ pid, marks: ['postgres', data], ending: [] }))) {
    throw new StackError(`A Postgres that this run did not start (process ${pid}) uses ${data}. Stop it first.`);
  }
  await rm(file, { force: true });
}

function settings(port: number, purpose: Purpose): string[] {
  return [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    `max_connections=${MAX_CONNECTIONS}`,
    'log_timezone=UTC',
    'timezone=UTC',
    ...SETTINGS[purpose],
  ];
}

function recordOf(pid: number, data: string, purpose: Purpose): ProcessRecord {
  return { pid, marks: ['postgres', data], ending: ENDING[purpose] };
}
