import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@quarterhour/runtime';
import { resetStack, StackInUseError } from '../stack/index.js';
import { isOurFolder } from '../stack/folder.js';

export const FOLDER_PREFIX = 'quarterhour-bench-';
/** A younger one may belong to a run that has not taken it yet. */
const SETTLED_AFTER_MS = 60_000;

/** Removes what runs left behind that were killed, many gigabytes as a rule. */
export async function clearBenchLeftovers(): Promise<void> {
  const names = await readdir(tmpdir());
  for (const name of names.filter((one) => one.startsWith(FOLDER_PREFIX))) {
    const directory = path.join(tmpdir(), name);
    if ((await isOurFolder(directory)) && (await isSettled(directory))) await removeUnlessInUse(directory);
  }
}

async function isSettled(directory: string): Promise<boolean> {
  const found = await stat(directory).catch(() => null);
  return found !== null && systemClock.nowMillis() - found.mtimeMs > SETTLED_AFTER_MS;
}

async function removeUnlessInUse(directory: string): Promise<void> {
  try {
    await resetStack({ directory, log: () => undefined });
  } catch (error) {
    if (!(error instanceof StackInUseError)) throw error;
  }
}
