import { access, constants } from 'node:fs/promises';
import path from 'node:path';

/** First file of that name in some folders that we may execute. */
export async function firstExecutable(program: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const file = path.join(folder, program);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

export async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
