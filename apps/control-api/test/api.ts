import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Express } from 'express';
import request from 'supertest';
import type { Response } from 'supertest';
import { findApiKey, openDatabase } from '@quarterhour/db';
import type { Database } from '@quarterhour/db';
import {
  createApiKeyVerifier,
  DEFAULT_PROTECTION,
  openTokenVerifier,
  type Method,
  type PartnerBroker,
} from '@quarterhour/http';
import { DEFAULT_COMMAND_RULES, RegisterWatch, type CommandRules } from '@quarterhour/ingestion';
import type { RabbitApi } from '@quarterhour/messaging';
import {
  createKeyRing,
  createLogger,
  createMetrics,
  GuardedClient,
  openKeyRing,
  systemClock,
  type KeyRing,
  type PartnerUrlRules,
} from '@quarterhour/runtime';
import {
  AUDIENCE,
  documentOfSurface,
  ISSUER,
  openTestIssuer,
  testDatabase,
  testVhost,
  type TestIssuer,
  type TestVhost,
  type TokenClaims,
} from '@quarterhour/testkit';
import { createControlApi } from '../src/app.js';
import { EsmClient } from '../src/esm/client.js';
import type { EsmContext } from '../src/esm/start.js';
import type { ProvisioningContext } from '../src/provisioning/pass.js';
import { Provisioner } from '../src/provisioning/provisioner.js';
import { Quiet } from '../src/provisioning/quiet.js';

/** What keys of the tests are found by. */
export const PEPPER = Buffer.alloc(32, 7);

export const CA = '-----BEGIN CERTIFICATE-----';

const assertDocumented = documentOfSurface('asset');

/** The broker of tests samples its counts twice in half a second each. */
const SAMPLING_MS = 1_100;

/** An ESM that hangs is given up soon. */
const ESM_LIMITS = { connectMs: 500, headersMs: 500, bodyMs: 500, totalMs: 1_500, jitterMs: 0 };

/** The control API over a database and a virtual host of its own, and pools that write as the worker and read as the read API do. */
export interface TestApi {
  readonly app: Express;
  readonly admin: Database;
  readonly worker: Database;
  readonly read: Database;
  readonly control: Database;
  readonly issuer: TestIssuer;
  readonly keyRing: KeyRing;
  /** What was written to the log. */
  readonly lines: readonly string[];
  /** The central one. */
  readonly vhost: TestVhost;
  /** What provisioning works with, for another one beside that of the app. */
  readonly provisioning: ProvisioningContext;
  /** What the app asks ESMs with. */
  readonly esm: EsmContext;
  /** As a process that has just been started. */
  aProvisioner(changes?: Partial<ProvisioningContext>): Provisioner;
  delete(url: string, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** @param body left out for none */
  send(
    method: Method,
    url: string,
    claims: TokenClaims,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  post(url: string, body: object, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  close(): Promise<void>;
}

export interface TestApiOptions {
  /** How the app reaches the broker. Default: the one of the tests. */
  readonly rabbit?: RabbitApi;
  readonly partnerUrls?: Partial<PartnerUrlRules>;
  readonly commandRules?: Partial<CommandRules>;
  /** What partners are told of the broker. */
  readonly partnerBroker?: PartnerBroker;
}

export async function openTestApi({
  rabbit,
  partnerUrls,
  commandRules,
  partnerBroker = { host: 'broker.example', port: 5671, ca: CA },
}: TestApiOptions = {}): Promise<TestApi> {
  const database = await testDatabase();
  const vhost = await testVhost();
  const issuer = await openTestIssuer();
  const folder = mkdtempSync(path.join(tmpdir(), 'control-api-'));
  const ringFile = path.join(folder, 'key-ring.json');
  createKeyRing(ringFile);
  const keyRing = openKeyRing(ringFile);
  const pool = (url: string, maxConnections = 4) => openDatabase({ url, applicationName: 'test', maxConnections });
  const pools = {
    worker: pool(database.ingestUrl),
    read: pool(database.readUrl),
    db: pool(database.controlUrl),
    locks: pool(database.controlUrl, 8),
  };
  const { worker, read, db, locks } = pools;
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } });
  const stopping = new AbortController();
  const provisioning = (): ProvisioningContext => ({
    db,
    api: rabbit ?? vhost.api,
    vhost: vhost.name,
    user: decodeURIComponent(new URL(vhost.amqpUrl).username),
    quiet: new Quiet(SAMPLING_MS, systemClock),
    clock: systemClock,
    log,
  });
  const aProvisioner = (changes: Partial<ProvisioningContext> = {}) =>
    new Provisioner({ ...provisioning(), locks, stopping: stopping.signal, ...changes });
  const rules = { allowsHttp: false, ownHosts: ['quarterhour.example'], testOrigins: [], ...partnerUrls };
  const outbound = new GuardedClient({ rules, clock: systemClock, limits: ESM_LIMITS, breaker: { failures: 1_000 } });
  const client = new EsmClient({ client: outbound, clock: systemClock });
  const esm = { db, locks, keyRing, client, clock: systemClock, log, stopping: stopping.signal };
  const app = createControlApi({
    db,
    register: await RegisterWatch.open(db),
    apiKeys: createApiKeyVerifier({
      pepper: PEPPER,
      find: (digest) => findApiKey(db, digest),
      noteUse: () => undefined,
    }),
    keyRing,
    apiKeyPepper: PEPPER,
    partnerAddresses: {
      broker: partnerBroker,
      restBaseUrl: 'https://api.example',
    },
    partnerUrls: rules,
    commandRules: { ...DEFAULT_COMMAND_RULES, ...commandRules },
    esm,
    provisioner: aProvisioner(),
    verifier: await openTokenVerifier({
      jwks: issuer.jwksPath,
      issuer: ISSUER,
      audience: AUDIENCE,
      areDemoKeysAllowed: false,
      clock: systemClock,
    }),
    protection: DEFAULT_PROTECTION,
    eventLoop: { delayMs: () => 0 },
    log,
    metrics: createMetrics(),
    clock: systemClock,
  });
  const send: TestApi['send'] = async (method, url, claims, body, headers = {}) => {
    const answer = await request(app)
      [method](url)
      .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` })
      .send(body);
    if (url.startsWith('/asset-api/')) assertDocumented({ method, url, requestBody: body, answer });
    return answer;
  };
  return {
    app,
    admin: database.admin,
    worker,
    read,
    control: db,
    issuer,
    keyRing,
    lines,
    vhost,
    provisioning: provisioning(),
    esm,
    aProvisioner,
    delete: (url, claims, headers) => send('delete', url, claims, undefined, headers),
    send,
    post: (url, body, claims, headers) => send('post', url, claims, body, headers),
    async close() {
      stopping.abort();
      await outbound.close();
      await Promise.all(Object.values(pools).map((open) => open.close()));
      await issuer.close();
      await removePartnerVhosts(database.admin, vhost);
      await vhost.drop();
      await database.drop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The broker is shared by all tests: what keys of this file have there goes with it. */
async function removePartnerVhosts(admin: Database, { api }: TestVhost): Promise<void> {
  const organisations = await admin.read([], (trx) =>
    trx.query<{ id: string }>({ text: 'select id from app.organisation', values: [] }),
  );
  const keys = await admin.read(
    organisations.map(({ id }) => id),
    (trx) => trx.query<{ id: string }>({ text: 'select id from app.api_key', values: [] }),
  );
  for (const { id } of keys) await api.deleteVhost(`partner-${id}`);
}
