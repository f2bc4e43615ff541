import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LOGIN_ROLES, type LoginRole } from '@quarterhour/db';
import { writeOwn } from './kept-file.js';
import type { Stack } from './stack/index.js';
import type { IssuerFiles, Settings } from './start-secrets.js';

export const TOKEN_ISSUER = 'quarterhour-demo';
export const TOKEN_AUDIENCE = 'quarterhour';
const HOST = '127.0.0.1';
const ENVIRONMENT_FILE = 'local.env';

export interface Ports {
  /** Of the one address in front of both APIs. */
  readonly gateway: number;
  readonly worker: number;
  readonly readApi: number;
  readonly controlApi: number;
  /** Of the energy management system that stands in for a partner's. */
  readonly esmSandbox: number;
  /** Where the control API answers a broker that is not of our making. */
  readonly brokerAuth: number;
  readonly plantSimulator: number;
}

/** Where the processes are to be reached. */
export function addressesOf(ports: Ports): Readonly<Record<Exclude<keyof Ports, 'brokerAuth'>, string>> {
  const at = (port: number): string => `http://${HOST}:${port}`;
  const { gateway, worker, readApi, controlApi, plantSimulator, esmSandbox } = ports;
  return {
    gateway: at(gateway),
    worker: at(worker),
    readApi: at(readApi),
    controlApi: at(controlApi),
    plantSimulator: at(plantSimulator),
    esmSandbox: at(esmSandbox),
  };
}

/** Everything that our processes and the command are told by their environment. */
export function localEnvironment(
  stack: Stack,
  settings: Settings,
  files: IssuerFiles & { readonly keyRing: string },
  ports: Ports,
): Readonly<Record<string, string>> {
  const { adminUrl } = stack.database;
  const as = (role: LoginRole) => loginUrl(adminUrl, LOGIN_ROLES[role], settings.rolePasswords[role]);
  return {
    QUARTERHOUR_DATABASE_URL: adminUrl,
    QUARTERHOUR_INGEST_DATABASE_URL: as('ingest'),
    QUARTERHOUR_READ_DATABASE_URL: as('read'),
    QUARTERHOUR_CONTROL_DATABASE_URL: as('control'),
    QUARTERHOUR_USAGE_DATABASE_URL: as('usage'),
    QUARTERHOUR_AMQP_URL: stack.broker.amqpUrl,
    QUARTERHOUR_RABBITMQ_API_URL: stack.broker.apiUrl,
    QUARTERHOUR_LISTEN_HOST: HOST,
    QUARTERHOUR_WORKER_HEALTH_PORT: String(ports.worker),
    QUARTERHOUR_READ_API_PORT: String(ports.readApi),
    QUARTERHOUR_CONTROL_API_PORT: String(ports.controlApi),
    QUARTERHOUR_READ_API_URL: addressesOf(ports).gateway,
    QUARTERHOUR_TRUSTED_PROXIES: HOST,
    QUARTERHOUR_PUBLIC_URL: addressesOf(ports).gateway,
    QUARTERHOUR_JWKS: files.jwks,
    QUARTERHOUR_TOKEN_ISSUER: TOKEN_ISSUER,
    QUARTERHOUR_TOKEN_AUDIENCE: TOKEN_AUDIENCE,
    QUARTERHOUR_DEMO_ISSUER_KEY: files.privateKey,
    QUARTERHOUR_CURSOR_KEY: settings.cursorKey,
    QUARTERHOUR_API_KEY_PEPPER: settings.apiKeyPepper,
    QUARTERHOUR_KEY_RING: files.keyRing,
    QUARTERHOUR_ESM_TEST_ORIGINS: addressesOf(ports).esmSandbox,
    ...samplingEnvironment(stack),
    ...partnerEnvironment(stack, ports),
  };
}

function samplingEnvironment({ broker: { samplingMs } }: Stack): Readonly<Record<string, string>> {
  return samplingMs === undefined ? {} : { QUARTERHOUR_BROKER_SAMPLING_MS: String(samplingMs) };
}

function partnerEnvironment({ broker: { partners } }: Stack, ports: Ports): Readonly<Record<string, string>> {
  const { host, port } = partners?.auth ?? { host: HOST, port: ports.brokerAuth };
  const auth = { QUARTERHOUR_BROKER_AUTH_HOST: host, QUARTERHOUR_BROKER_AUTH_PORT: String(port) };
  if (partners === undefined) return auth;
  return {
    ...auth,
    QUARTERHOUR_PARTNER_AMQP_HOST: partners.host,
    QUARTERHOUR_PARTNER_AMQP_PORT: String(partners.port),
    QUARTERHOUR_PARTNER_AMQP_CA_FILE: partners.caFile,
  };
}

/**
 * Writes the environment into the checkout's own folder, where the `quarterhour` command looks for it, whichever folder
 * the servers live in.
 *
 * @returns the file
 */
export async function writeEnvironmentFile(
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(path.join(directory, '.gitignore'), '*\n');
  const file = path.join(directory, ENVIRONMENT_FILE);
  const lines = Object.entries(environment).map(([name, value]) => `${name}="${value}"\n`);
  await writeOwn(file, lines.join(''));
  return file;
}

function loginUrl(adminUrl: string, user: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = user;
  url.password = password;
  return url.href;
}
