import { cp, mkdir, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandLine } from '../stack/processes.js';

/** A change of the compiled worker. */
export interface Patch {
  /** Compiled file, from the root of the checkout. */
  readonly file: string;
  /** Text that stands in it exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A patch does not fit the code any more: what it was to show would not be shown. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly code = 'CHAOS_PATCH';
}

/** A worker that differs from the built one. */
export interface Variant {
  /** The program to run. */
  readonly entry: string;
  remove(): Promise<void>;
}

const APP = 'ingest-worker';

/** @throws PatchError unless the text stands in the source exactly once */
export function patched(source: string, { file, find, replace }: Patch): string {
  const found = source.split(find).length - 1;
  if (found !== 1) throw new PatchError(`${file}: ${found} places instead of one read\n${find}`);
  // As a function, because `$` would mean something in a replacement text.
  return source.replace(find, () => replace);
}

/**
 * Copies the built worker with our packages and changes the copy. It finds our packages beside it and those of others where
 * the checkout has them, because it lies below the checkout.
 *
 * @throws PatchError when a patch does not fit
 */
export async function buildVariant(root: string, name: string, patches: readonly Patch[]): Promise<Variant> {
  const parent = path.join(root, '.quarterhour', 'chaos');
  await removeLeftovers(parent);
  const folder = path.join(parent, `${name.replace(/[^a-z0-9]+/gi, '-')}-${process.pid}`);
  const remove = async () => {
    await rm(folder, { recursive: true, force: true });
    await rmdir(parent).catch(() => undefined); // stays while another variant is in it
  };
  await remove();
  try {
    for (const workspace of await readdir(path.join(root, 'packages'))) {
      await copyBuilt(
        path.join(root, 'packages', workspace),
        path.join(folder, 'node_modules', '@quarterhour', workspace),
      );
    }
    await copyBuilt(path.join(root, 'apps', APP), path.join(folder, 'apps', APP));
    for (const patch of patches) {
      const file = path.join(folder, placeOf(patch.file));
      await writeFile(file, patched(await readFile(file, 'utf8'), patch));
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { entry: path.join(folder, 'apps', APP, 'dist', 'main.js'), remove };
}

/** A harness that was killed leaves its variants behind; their names end with its pid. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = Number(/-(\d+)$/.exec(name)?.[1]);
    if ((await commandLine(pid)) === undefined) await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

async function copyBuilt(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await cp(path.join(from, 'package.json'), path.join(to, 'package.json'));
  await cp(path.join(from, 'dist'), path.join(to, 'dist'), {
    recursive: true,
    filter: (file) => !/\.(d\.ts|map|tsbuildinfo)$/.test(file),
  });
}

/** Where a file of the checkout is in the copy. */
function placeOf(file: string): string {
  return file.replace(/^packages\//, 'node_modules/@quarterhour/');
}
