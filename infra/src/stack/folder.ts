import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { reasonOf, StackError } from './errors.js';
import { SECRETS_FILE } from './secrets.js';
import type { ServerUser } from './server-user.js';

/** The scripts of RabbitMQ do not quote paths everywhere; what is outside this set is not worth finding out. */
const PLAIN_PATH = /^[A-Za-z0-9/._+-]+$/;
const FALLBACK_ROOT = '/var/tmp';
const EPHEMERAL_PREFIX = 'quarterhour-test-';

export interface Folder {
  readonly path: string;
  /** Why it is not the one asked for. */
  readonly because?: string;
}

/**
 * The folder for what is made locally: the one asked for when the servers can live in it, else one below `/var/tmp`
 * whose name follows from the path asked for, so that the next run finds it again.
 */
export async function chooseFolder(asked: string, user: ServerUser | undefined): Promise<Folder> {
  const because = await objection(asked, user);
  if (because === undefined) return { path: asked };
  const fallback = fallbackFolder(asked);
  await makeOwn(fallback, user);
  const stillWrong = await objection(fallback, user);
  if (stillWrong !== undefined)
    throw new StackError(`Neither ${asked} (${because}) nor ${fallback} (${stillWrong}) can hold the servers.`);
  return { path: fallback, because };
}

/** The folders that may hold what was made for a path, for removing it. */
export function foldersOf(asked: string): string[] {
  return [asked, fallbackFolder(asked)];
}

/** A new folder for the servers of one test run: in the first place that can hold them. */
export async function ephemeralFolder(
  user: ServerUser | undefined,
  roots: readonly string[] = [tmpdir(), FALLBACK_ROOT],
): Promise<string> {
  const objections: string[] = [];
  for (const root of roots) {
    const folder = await mkdtemp(path.join(root, EPHEMERAL_PREFIX));
    const because = await objection(folder, user);
    if (because === undefined) return folder;
    objections.push(`${folder}: ${because}`);
    await rm(folder, { recursive: true, force: true });
  }
  throw new StackError(`No folder for temporary files can hold the servers.\n${objections.join('\n')}`);
}

/** True for a folder that {@link ephemeralFolder} made; only such a one is ever removed whole without being asked. */
export function isEphemeral(folder: string): boolean {
  return path.basename(folder).startsWith(EPHEMERAL_PREFIX);
}

/** Folders of earlier test runs of this user. */
export async function ephemeralFolders(): Promise<string[]> {
  const roots = [...new Set([tmpdir(), FALLBACK_ROOT])];
  const found = await Promise.all(roots.map(async (root) => childrenOf(root)));
  const mine = await Promise.all(
    found
      .flat()
      .filter(isEphemeral)
      .map(async (folder) => ((await isOurFolder(folder)) ? [folder] : [])),
  );
  return mine.flat();
}

function fallbackFolder(asked: string): string {
  const name = createHash('sha256').update(asked).digest('hex').slice(0, 12);
  return path.join(FALLBACK_ROOT, `quarterhour-${process.getuid?.() ?? 0}-${name}`);
}

/** `/var/tmp` is everybody's: a folder or link that another user put in our place is not used. */
async function makeOwn(folder: string, user: ServerUser | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: modeOf(user) });
  const made = await lstat(folder);
  if (!made.isDirectory() || made.uid !== process.getuid?.()) {
    throw new StackError(`${folder} belongs to somebody else. Remove it, or use a checkout in a path without spaces.`);
  }
}

async function objection(folder: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (!PLAIN_PATH.test(folder)) return 'its path has characters that the scripts of RabbitMQ do not stand';
  try {
    await mkdir(folder, { recursive: true, mode: modeOf(user) });
    await chmodIfOurs(folder, modeOf(user));
    await writeFile(path.join(folder, '.gitignore'), '*\n');
  } catch (error) {
    return `it cannot be written (${reasonOf(error)})`;
  }
  if (((await stat(folder)).mode & 0o777) !== modeOf(user)) return 'its file system does not keep permissions';
  if (!(await secretsAreOurs(folder))) return 'another user has run Quarterhour in it';
  if (user !== undefined && !(await canReach(folder, user))) return `the user ${user.name} cannot reach it`;
  return undefined;
}

async function chmodIfOurs(folder: string, mode: number): Promise<void> {
  if (await isOurFolder(folder)) await chmod(folder, mode);
}

async function secretsAreOurs(folder: string): Promise<boolean> {
  const secrets = await stat(path.join(folder, SECRETS_FILE)).catch(() => undefined);
  return secrets === undefined || secrets.uid === process.getuid?.();
}

/** The servers' user passes through the folder, it does not read it; without such a user the folder is ours alone. */
function modeOf(user: ServerUser | undefined): number {
  return user === undefined ? 0o700 : 0o711;
}

async function canReach(folder: string, user: ServerUser): Promise<boolean> {
  const parents = ancestors(folder);
  const passable = await Promise.all(parents.map(async (parent) => canPass(await stat(parent), user)));
  return passable.every(Boolean);
}

function ancestors(folder: string): string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [...ancestors(parent), folder];
}

function canPass(folder: { uid: number; gid: number; mode: number }, user: ServerUser): boolean {
  if (folder.uid === user.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === user.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
}

/** True for a folder, not a link, that belongs to the user we run as. */
export async function isOurFolder(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}

async function childrenOf(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.map((name) => path.join(root, name));
}
