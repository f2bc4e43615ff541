import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createKeyRing } from '@quarterhour/runtime';
import { z } from 'zod';
import { readKept, writeKept } from './kept-file.js';
import { password } from './stack/secrets.js';

const SETTINGS_FILE = 'settings.json';

const settings = z.object({
  rolePasswords: z.object({ ingest: z.string(), read: z.string(), control: z.string(), usage: z.string() }),
  /** Hex, 32 bytes. */
  cursorKey: z.string(),
  /** Hex, 32 bytes; made where an earlier version kept none. */
  apiKeyPepper: z.string().default(secretBytes),
  /** As used last: taken again when they are free. A process that is new here has none yet. */
  ports: z
    .object({
      worker: z.int(),
      readApi: z.int(),
      controlApi: z.int().optional(),
      gateway: z.int().optional(),
      brokerAuth: z.int().optional(),
      plantSimulator: z.int().optional(),
      esmSandbox: z.int().optional(),
    })
    .nullable(),
});

/** What the processes need to know and to keep to themselves, made at the first start. */
export type Settings = z.infer<typeof settings>;

export async function readSettings(folder: string): Promise<Settings> {
  const known = await readKept(path.join(folder, SETTINGS_FILE), settings);
  if (known !== undefined) return known;
  const made = {
    rolePasswords: { ingest: password(), read: password(), control: password(), usage: password() },
    cursorKey: secretBytes(),
    apiKeyPepper: secretBytes(),
    ports: null,
  };
  await writeSettings(folder, made);
  return made;
}

function secretBytes(): string {
  return randomBytes(32).toString('hex');
}

export function writeSettings(folder: string, changed: Settings): Promise<void> {
  return writeKept(path.join(folder, SETTINGS_FILE), changed);
}

/** The file of the key ring that secrets in the database are sealed with, made at the first start. */
export function keyRingFile(folder: string): string {
  const file = path.join(folder, 'key-ring.json');
  if (!existsSync(file)) createKeyRing(file);
  return file;
}

/** Files of the issuer whose tokens the demo accepts. */
export interface IssuerFiles {
  /** Public keys, as the read API reads them. */
  readonly jwks: string;
  /** The private key, with which tokens are signed. */
  readonly privateKey: string;
}

/** The demo's issuer, made at the first start. */
export async function demoIssuer(folder: string): Promise<IssuerFiles> {
  const files = { jwks: path.join(folder, 'jwks.json'), privateKey: path.join(folder, 'issuer.jwk') };
  if (existsSync(files.jwks) && existsSync(files.privateKey)) return files;
  const named = { kid: `demo-${randomBytes(6).toString('hex')}`, alg: 'EdDSA', use: 'sig' };
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  await writeKept(files.privateKey, { ...privateKey.export({ format: 'jwk' }), ...named });
  await writeKept(files.jwks, { keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] });
  return files;
}
