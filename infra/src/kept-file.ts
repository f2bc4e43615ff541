import { readFile, rename, writeFile } from 'node:fs/promises';
import type { z } from 'zod';
import { StackError, hasCode } from './stack/errors.js';

/**
 * What an earlier run kept in a JSON file.
 *
 * @returns undefined when there is no such file
 * @throws StackError when it does not hold what we write: guessing would lose what it was needed for
 */
export async function readKept<T>(file: string, shape: z.ZodType<T>): Promise<T | undefined> {
  try {
    return shape.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new StackError(
      `${file} does not hold what an earlier run wrote there. To begin anew without it and its data:  npm start -- --reset`,
      { cause: error },
    );
  }
}

export function writeKept(file: string, value: unknown): Promise<void> {
  return writeOwn(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a file that only its owner reads, whole or not at all. */
export async function writeOwn(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
