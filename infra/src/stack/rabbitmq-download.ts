import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverEnvironment } from '../environment.js';
import { reasonOf } from './errors.js';
import type { RabbitmqScripts } from './rabbitmq-scripts.js';

const DPKG_STATUS = '/var/lib/dpkg/status';
const SERVER_PACKAGE = 'rabbitmq-server';
const ERLANG_DEPENDENCY = /^\s*\|?Depends: (erlang-[a-z0-9-]+)$/gm;
/** Stanzas to forget, so that apt lists all of Erlang and not what an installed part of it lacks. */
const OF_ERLANG = /^Package: (erlang|rabbitmq-server)|^(Pre-)?Depends:.*\berlang-/m;
const ARCHIVE_LINE = /^'[^']+' (\S+)_(\S+)_([a-z0-9-]+)\.deb /gm;
const STEP_TIMEOUT_MS = 300_000;

interface Download {
  /** Takes everything until it is complete. */
  readonly draft: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * RabbitMQ and Erlang from the packages of Debian or Ubuntu, unpacked below our folder: no root, no installation, and
 * what the package manager knows is only read. Later runs use what the first one unpacked.
 *
 * apt verifies the archives by the keys that the system trusts. What is not in the packages' place is put right by a
 * start script of our own for Erlang, whose scripts hold the path they are installed at.
 *
 * @returns undefined on another system, or when the packages cannot be had
 */
export async function downloadRabbitmq(
  folder: string,
  { log, signal }: { log: (line: string) => void; signal: AbortSignal | undefined },
): Promise<RabbitmqScripts | undefined> {
  const unpacked = path.join(folder, 'rabbitmq-packages');
  if (existsSync(unpacked)) return scriptsBelow(unpacked);
  if (!existsSync(DPKG_STATUS)) return undefined;
  const draft = path.join(folder, `rabbitmq-packages-${process.pid}`);
  log('Downloading RabbitMQ and Erlang (about 35 MB, apt-get download, nothing is installed) ...');
  try {
    await fetchAndUnpack({ draft, signal });
    await rename(draft, unpacked).catch((error: unknown) => {
      if (!existsSync(unpacked)) throw error;
    });
    return await scriptsBelow(unpacked);
  } catch (error) {
    signal?.throwIfAborted();
    log(`The packages of RabbitMQ could not be had: ${reasonOf(error)}`);
    return undefined;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** With the lists that the system has, else with fresh ones of our own: a slim image has none, an old one stale ones. */
async function fetchAndUnpack(download: Download): Promise<void> {
  await prepareDraft(download);
  try {
    await fetchArchives(download, []);
  } catch {
    download.signal?.throwIfAborted();
    const ownLists = ['-o', `Dir::State::lists=${path.join(download.draft, 'lists')}`];
    await apt(download, 'apt-get', [...ownLists, 'update']).catch(() => undefined);
    await fetchArchives(download, ownLists);
  }
  await unpack(download);
}

async function prepareDraft({ draft }: Download): Promise<void> {
  for (const folder of ['cache/archives/partial', 'lists/partial', 'archives', 'root', 'bin']) {
    await mkdir(path.join(draft, folder), { recursive: true });
  }
  const stanzas = (await readFile(DPKG_STATUS, 'utf8')).split('\n\n');
  await writeFile(path.join(draft, 'status'), stanzas.filter((stanza) => !OF_ERLANG.test(stanza)).join('\n\n'));
}

async function fetchArchives(download: Download, lists: readonly string[]): Promise<void> {
  const depends = await apt(download, 'apt-cache', [...lists, 'depends', SERVER_PACKAGE]);
  const erlang = [...depends.matchAll(ERLANG_DEPENDENCY)].flatMap(([, name]) => name ?? []);
  const withLibraries = await apt(download, 'apt-get', [
    ...lists,
    ...['install', '--print-uris', '-qq', '-y', '--no-install-recommends', ...new Set(erlang)],
  ]);
  const archives = [...withLibraries.matchAll(ARCHIVE_LINE)].flatMap(([, name, version, architecture]) =>
    isForUnpacking(name) ? [`${name}:${architecture}=${decodeURIComponent(version ?? '')}`] : [],
  );
  await apt(download, 'apt-get', [...lists, '-qq', 'download', SERVER_PACKAGE, ...archives]);
}

/** The C library has to be the one that the system's loader belongs to. */
function isForUnpacking(name: string | undefined): name is string {
  return name !== undefined && name !== 'libc6' && name !== 'libc-bin' && name !== SERVER_PACKAGE;
}

async function unpack({ draft, signal }: Download): Promise<void> {
  const root = path.join(draft, 'root');
  const archives = path.join(draft, 'archives');
  for (const archive of await readdir(archives)) {
    await run('dpkg-deb', ['-x', path.join(archives, archive), root], draft, signal);
  }
  await writeFile(path.join(draft, 'bin', 'erl'), ERL, { mode: 0o755 });
  for (const done of ['archives', 'cache', 'lists', 'status']) {
    await rm(path.join(draft, done), { recursive: true, force: true });
  }
}

/** The distribution's script with one difference: it asks where it is instead of knowing it. */
const ERL = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
ROOTDIR="$here/../root/usr/lib/erlang"
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
EMU=beam
PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
exec "$BINDIR/erlexec" "$@"
`;

async function scriptsBelow(unpacked: string): Promise<RabbitmqScripts> {
  const root = path.join(unpacked, 'root');
  const erlang = path.join(root, 'usr/lib/erlang');
  const runtime = (await readdir(erlang)).find((name) => name.startsWith('erts-'));
  if (runtime === undefined) throw new Error(`no Erlang in ${erlang}`);
  return {
    server: path.join(root, 'usr/lib/rabbitmq/bin/rabbitmq-server'),
    epmd: path.join(erlang, runtime, 'bin/epmd'),
    searchFirst: [path.join(unpacked, 'bin')],
    libraries: await librariesBelow(root),
    from: 'packages of the distribution, unpacked',
  };
}

async function librariesBelow(root: string): Promise<string[]> {
  const found = await Promise.all(
    ['lib', 'usr/lib'].map(async (folder) => {
      const names = await readdir(path.join(root, folder)).catch(() => []);
      return names.filter((name) => name.includes('-linux-gnu')).map((name) => path.join(root, folder, name));
    }),
  );
  return found.flat();
}

function apt(download: Download, program: 'apt-get' | 'apt-cache', args: readonly string[]): Promise<string> {
  const { draft, signal } = download;
  const own = [
    `Dir::State::status=${path.join(draft, 'status')}`,
    `Dir::Cache=${path.join(draft, 'cache')}`,
    'Debug::NoLocking=true',
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
  ];
  return run(program, [...own.flatMap((option) => ['-o', option]), ...args], path.join(draft, 'archives'), signal);
}

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args], {
    cwd,
    env: serverEnvironment({ LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' }),
    timeout: STEP_TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    signal,
  });
  return stdout;
}
