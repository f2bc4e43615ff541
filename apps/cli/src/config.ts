import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { LOGIN_ROLES, type LoginRole, type RolePasswords } from '@quarterhour/db';
import { ConfigError, readEnvironment, type Environment } from '@quarterhour/runtime';
import { z } from 'zod';

/** Settings, and where they come from, for people. */
export interface Settings {
  readonly env: Environment;
  readonly source: string;
}

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const LOCAL_FILE = path.join('.quarterhour', 'local.env');
const ROLE_URLS: Readonly<Record<LoginRole, string>> = {
  ingest: 'QUARTERHOUR_INGEST_DATABASE_URL',
  read: 'QUARTERHOUR_READ_DATABASE_URL',
  control: 'QUARTERHOUR_CONTROL_DATABASE_URL',
  usage: 'QUARTERHOUR_USAGE_DATABASE_URL',
};
const SERVERS = ['QUARTERHOUR_DATABASE_URL', 'QUARTERHOUR_AMQP_URL', ...Object.values(ROLE_URLS)];

/**
 * The environment, over what `npm start` wrote down: the nearest `.quarterhour/local.env` from the current directory
 * upwards, else the one of this checkout. The file counts only as long as the environment names no other server than it
 * does; halves of two installations are never put together.
 */
export function readSettings(env: Environment = process.env, cwd: string = process.cwd()): Settings {
  const found = localFile(cwd);
  if (found === undefined) return { env, source: 'the environment' };
  const { file, values } = found;
  const foreign = SERVERS.find((name) => namesAnother(name, env, values));
  if (foreign !== undefined) return { env, source: `the environment; ${file} is of other servers (${foreign})` };
  return { env: { ...values, ...nonEmpty(env) }, source: file };
}

function localFile(cwd: string): { file: string; values: Environment } | undefined {
  for (const folder of [...upwards(path.resolve(cwd)), CHECKOUT]) {
    const file = path.join(folder, LOCAL_FILE);
    const text = textOf(file);
    if (text !== undefined) return { file, values: parseEnv(text) };
  }
  return undefined;
}

function upwards(folder: string): string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...upwards(parent)];
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function namesAnother(name: string, env: Environment, local: Environment): boolean {
  if (env[`${name}_FILE`]) return true;
  return Boolean(env[name]) && env[name] !== local[name];
}

function nonEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });

export function adminDatabaseUrl({ env }: Settings): string {
  return readEnvironment(z.object({ QUARTERHOUR_DATABASE_URL: databaseUrl }), env).QUARTERHOUR_DATABASE_URL;
}

export function ingestDatabaseUrl({ env }: Settings): string {
  const name = ROLE_URLS.ingest;
  return readEnvironment(z.object({ [name]: databaseUrl }), env)[name] ?? '';
}

export function readDatabaseUrl({ env }: Settings): string {
  const name = ROLE_URLS.read;
  return readEnvironment(z.object({ [name]: databaseUrl }), env)[name] ?? '';
}

export function controlDatabaseUrl({ env }: Settings): string {
  const name = ROLE_URLS.control;
  return readEnvironment(z.object({ [name]: databaseUrl }), env)[name] ?? '';
}

/** The password that each role's own URL carries. */
export function rolePasswords({ env }: Settings): RolePasswords {
  const urls = readEnvironment(
    z.object(Object.fromEntries(Object.values(ROLE_URLS).map((name) => [name, databaseUrl]))),
    env,
  );
  const passwordOf = (role: LoginRole): string => {
    const { username, password } = new URL(urls[ROLE_URLS[role]] ?? '');
    if (username !== LOGIN_ROLES[role])
      throw new ConfigError([`${ROLE_URLS[role]}: must log in as ${LOGIN_ROLES[role]}`]);
    if (password === '') throw new ConfigError([`${ROLE_URLS[role]}: has no password, and the role needs one`]);
    return decodeURIComponent(password);
  };
  return {
    ingest: passwordOf('ingest'),
    read: passwordOf('read'),
    control: passwordOf('control'),
    usage: passwordOf('usage'),
  };
}

const amqpUrl = z.url({ protocol: /^amqps?$/, error: 'must be an amqp:// or amqps:// URL' });

export function brokerUrl({ env }: Settings): string {
  return readEnvironment(z.object({ QUARTERHOUR_AMQP_URL: amqpUrl }), env).QUARTERHOUR_AMQP_URL;
}

export function brokerUrlIfSet({ env }: Settings): string | undefined {
  return readEnvironment(z.object({ QUARTERHOUR_AMQP_URL: amqpUrl.optional() }), env).QUARTERHOUR_AMQP_URL;
}

/** The demo issuer: the file of its private key, and what its tokens say of themselves. */
export interface DemoIssuer {
  readonly keyFile: string;
  readonly issuer: string;
  readonly audience: string;
}

export function demoIssuer({ env }: Settings): DemoIssuer {
  const read = readEnvironment(
    z.object({
      QUARTERHOUR_DEMO_ISSUER_KEY: z.string(),
      QUARTERHOUR_TOKEN_ISSUER: z.string(),
      QUARTERHOUR_TOKEN_AUDIENCE: z.string().default('quarterhour'),
    }),
    env,
  );
  return {
    keyFile: read.QUARTERHOUR_DEMO_ISSUER_KEY,
    issuer: read.QUARTERHOUR_TOKEN_ISSUER,
    audience: read.QUARTERHOUR_TOKEN_AUDIENCE,
  };
}

/** File of the key ring that secrets in the database are sealed with. */
export function keyRingFile({ env }: Settings): string {
  return readEnvironment(z.object({ QUARTERHOUR_KEY_RING: z.string() }), env).QUARTERHOUR_KEY_RING;
}

/** Where this machine reaches the read API. */
export function readApiUrl({ env }: Settings): string {
  const url = z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }).default('http://127.0.0.1:8080');
  const read = readEnvironment(z.object({ QUARTERHOUR_READ_API_URL: url }), env);
  return read.QUARTERHOUR_READ_API_URL.replace(/\/$/, '');
}
