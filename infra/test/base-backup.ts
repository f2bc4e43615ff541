import { chmod, chown, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openDatabase, type Database } from '@quarterhour/db';
import { readStackEnvironment } from '../src/environment.js';
import { chooseFolder, ephemeralFolder } from '../src/stack/folder.js';
import { startKeeper } from '../src/stack/keeper.js';
import { findPostgres } from '../src/stack/postgres-binaries.js';
import { startPostgres } from '../src/stack/postgres-cluster.js';
import { takeFolder } from '../src/stack/run-file.js';
import { serverUser } from '../src/stack/server-user.js';

const USER = serverUser();

/** A private Postgres of one test. */
export interface Cluster {
  readonly adminUrl: string;
  readonly admin: Database;
  /** Its data directory. */
  readonly data: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster in a folder of its own: an empty one, or on data that were put there.
 *
 * @param fill puts data into the directory that is to be served
 */
export async function aCluster(secret: string, fill?: (data: string) => Promise<void>): Promise<Cluster> {
  const kept = await chooseFolder(path.resolve('.quarterhour'), USER);
  const binaries = await findPostgres(readStackEnvironment(), kept.path, USER);
  if (binaries === undefined) throw new Error('no programs of Postgres were found');
  const folder = await ephemeralFolder(USER);
  const data = path.join(folder, 'postgres');
  const run = await takeFolder(folder, ignore);
  const keeper = startKeeper(folder);
  const end = async (): Promise<void> => {
    await run.end();
    keeper.release();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await fill?.(data);
    const options = { folder, purpose: 'test' as const, run, log: ignore, signal: undefined };
    const { adminUrl } = await startPostgres(binaries, USER, secret, options);
    const admin = openDatabase({ url: adminUrl, applicationName: 'test', maxConnections: 4, onIdleError: ignore });
    const stop = async (): Promise<void> => {
      await admin.close();
      await end();
    };
    return { adminUrl, admin, data, stop };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What a running server writes for itself and makes anew when it starts. */
const NOT_COPIED = new Set(['postmaster.pid', 'postmaster.opts']);
const ONLY_AS_FOLDERS = new Set([
  'pg_wal',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_replslot',
]);

/**
 * Copies the files of a cluster that is being written to, as a base backup does: between its announcement and its end,
 * then the log up to there, and the label that tells the server where to begin.
 *
 * @param meanwhile is awaited while the files are being copied
 */
export async function backUp(from: Cluster, to: string, meanwhile: () => Promise<void>): Promise<void> {
  const session = openDatabase({ url: from.adminUrl, applicationName: 'backup', maxConnections: 1 });
  try {
    const label = await session.transaction([], async (trx) => {
      await trx.query({ text: `select pg_backup_start('test', true)`, values: [] });
      await makeFolder(to);
      await copyFolder(from.data, to, (name) => !NOT_COPIED.has(name), ONLY_AS_FOLDERS);
      await meanwhile();
      const [stopped] = await trx.query<{ labelfile: string }>({
        text: 'select labelfile from pg_backup_stop(false)',
        values: [],
      });
      return stopped?.labelfile ?? '';
    });
    await copyFolder(path.join(from.data, 'pg_wal'), path.join(to, 'pg_wal'), () => true, new Set());
    await writeFile(path.join(to, 'backup_label'), label, { mode: 0o600 });
    await give(path.join(to, 'backup_label'));
  } finally {
    await session.close();
  }
}

async function copyFolder(
  from: string,
  to: string,
  isWanted: (name: string) => boolean,
  withoutContents: ReadonlySet<string>,
): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (!isWanted(entry.name)) continue;
    if (!entry.isDirectory()) {
      await copyUnlessGone(source, target);
      continue;
    }
    await makeFolder(target);
    if (!withoutContents.has(entry.name)) await copyFolder(source, target, isWanted, new Set());
  }
}

/** A file that was removed meanwhile is in the log, like whatever else happened to the files. */
async function copyUnlessGone(source: string, target: string): Promise<void> {
  try {
    await copyFile(source, target);
    await chmod(target, 0o600);
    await give(target);
  } catch (error) {
    if (await stat(source).catch(() => undefined)) throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await give(folder);
}

async function give(file: string): Promise<void> {
  if (USER !== undefined) await chown(file, USER.uid, USER.gid);
}

function ignore(): void {}
