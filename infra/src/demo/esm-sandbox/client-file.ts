import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { EsmCredentials } from '@quarterhour/contracts';
import { z } from 'zod';
import { readKept, writeKept } from '../../kept-file.js';

const FILE = 'esm-client.json';
const client = z.object({ clientId: z.string(), clientSecret: z.string() });

/** The file of the credentials that the sandbox knows, made at the first start. */
export async function esmClientFile(folder: string): Promise<string> {
  const file = path.join(folder, FILE);
  if (existsSync(file)) return file;
  const made: EsmCredentials = { clientId: 'quarterhour-demo', clientSecret: randomBytes(24).toString('base64url') };
  await writeKept(file, made);
  return file;
}

/** @throws when there is no such file */
export async function readEsmClient(file: string): Promise<EsmCredentials> {
  const known = await readKept(file, client);
  if (known === undefined) throw new Error(`there is no file ${file}`);
  return known;
}
