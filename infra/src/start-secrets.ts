import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { password } from './stack/folder.js';

const SETTINGS_FILE = 'settings.json';

const settings = z.object({
  rolePasswords: z.object({ ingest: z.string(), read: z.string(), control: z.string(), usage: z.string() }),
  /** Hex, 32 bytes. */
  cursorKey: z.string(),
  /** As used last: taken again when they are free. */
  ports: z.object({ worker: z.int(), readApi: z.int() }).nullable(),
});

/** What the processes need to know and to keep to themselves, made at the first start. */
export type Settings = z.infer<typeof settings>;

export async function readSettings(folder: string): Promise<Settings> {
  const text = await readFile(path.join(folder, SETTINGS_FILE), 'utf8').catch(() => null);
  if (text !== null) return settings.parse(JSON.parse(text));
  const made = {
    rolePasswords: { ingest: password(), read: password(), control: password(), usage: password() },
    cursorKey: randomBytes(32).toString('hex'),
    ports: null,
  };
  await writeSettings(folder, made);
  return made;
}

export async function writeSettings(folder: string, changed: Settings): Promise<void> {
  await writeOwn(path.join(folder, SETTINGS_FILE), `${JSON.stringify(changed, null, 2)}\n`);
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
  await writeOwn(files.privateKey, json({ ...privateKey.export({ format: 'jwk' }), ...named }));
  await writeOwn(files.jwks, json({ keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] }));
  return files;
}

/** Writes a file that only its owner reads, whole or not at all. */
export async function writeOwn(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
