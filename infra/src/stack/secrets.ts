import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { readKept, writeKept } from '../kept-file.js';

export const SECRETS_FILE = 'secrets.json';

const secrets = z.object({ postgres: z.string(), rabbitmq: z.string(), cookie: z.string() });

/** Passwords and keys of the local servers, made at the first run and kept beside the data they open. */
export type Secrets = z.infer<typeof secrets>;

export async function secretsIn(folder: string): Promise<Secrets> {
  const file = path.join(folder, SECRETS_FILE);
  const known = await readKept(file, secrets);
  if (known !== undefined) return known;
  const made = { postgres: password(), rabbitmq: password(), cookie: password() };
  await writeKept(file, made);
  return made;
}

/** 192 bits in letters that need no escaping in a URL, a shell or a configuration file. */
export function password(): string {
  return randomBytes(24).toString('hex');
}
