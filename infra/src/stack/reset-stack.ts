import { rm } from 'node:fs/promises';
import { readStackEnvironment } from '../environment.js';
import { findEngine, removeVolumes } from './containers.js';
import { foldersOf, isOurFolder } from './folder.js';
import { clearLeftovers } from './run-file.js';

/**
 * Removes what earlier runs made for a checkout: its folder, the one below `/var/tmp` that may stand in for it, and the
 * volumes of its containers. Servers left behind are ended first; what was given by URL is not touched.
 *
 * @param directory as given to `startStack`
 * @throws StackInUseError when a run is alive
 */
export async function resetStack({
  directory,
  log,
}: {
  directory: string;
  log: (line: string) => void;
}): Promise<void> {
  const engine = await findEngine(readStackEnvironment(), log);
  for (const folder of foldersOf(directory)) {
    if (!(await isOurFolder(folder))) continue;
    await clearLeftovers(folder);
    await rm(folder, { recursive: true, force: true });
    log(`Removed ${folder}.`);
    if (engine !== undefined) await removeVolumes(engine, folder);
  }
}
