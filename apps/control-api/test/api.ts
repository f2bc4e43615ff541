import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import request from 'supertest';
import type { Response } from 'supertest';
import { openDatabase } from '@quarterhour/db';
import type { Database } from '@quarterhour/db';
import { DEFAULT_PROTECTION, openTokenVerifier } from '@quarterhour/http';
import { RegisterWatch } from '@quarterhour/ingestion';
import {
  createKeyRing,
  createLogger,
  createMetrics,
  openKeyRing,
  systemClock,
  type KeyRing,
} from '@quarterhour/runtime';
import {
  AUDIENCE,
  ISSUER,
  openTestIssuer,
  testDatabase,
  type TestIssuer,
  type TokenClaims,
} from '@quarterhour/testkit';
import { createControlApi } from '../src/app.js';
import type { PartnerSessions } from '../src/surfaces/partner/sessions.js';

/** What keys of the tests are found by. */
export const PEPPER = Buffer.alloc(32, 7);

export const CA = '-----BEGIN CERTIFICATE-----';

/** The control API over a database of its own, and pools that write as the worker and read as the read API do. */
export interface TestApi {
  readonly app: Express;
  readonly admin: Database;
  readonly worker: Database;
  readonly read: Database;
  readonly issuer: TestIssuer;
  readonly keyRing: KeyRing;
  /** Organisations that the broker was to be provisioned for. */
  readonly provisioned: string[];
  /** Whose sessions on the broker were to be ended. */
  readonly ended: Parameters<PartnerSessions['end']>[0][];
  /** What was written to the log. */
  readonly lines: string[];
  delete(url: string, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  post(url: string, body: object, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  close(): Promise<void>;
}

/** @param broker what stands for the broker, if it is not to do nothing at once */
export async function openTestApi(
  broker: { readonly provision?: () => Promise<void>; readonly endSessions?: () => Promise<void> } = {},
): Promise<TestApi> {
  const database = await testDatabase();
  const issuer = await openTestIssuer();
  const pool = (url: string) => openDatabase({ url, applicationName: 'test', maxConnections: 4 });
  const pools = { worker: pool(database.ingestUrl), read: pool(database.readUrl), db: pool(database.controlUrl) };
  const { worker, read, db } = pools;
  const folder = await mkdtemp(join(tmpdir(), 'key-ring-'));
  createKeyRing(join(folder, 'ring.json'));
  const keyRing = openKeyRing(join(folder, 'ring.json'));
  const [provisioned, ended, lines]: [string[], TestApi['ended'], string[]] = [[], [], []];
  const app = createControlApi({
    context: {
      db,
      register: await RegisterWatch.open(db),
      keyRing,
      apiKeyPepper: PEPPER,
      partnerAddresses: {
        broker: { host: 'broker.example', port: 5671, ca: CA },
        restBaseUrl: 'https://api.example',
      },
      sessions: {
        end: (key) => {
          ended.push(key);
          return broker.endSessions?.() ?? Promise.resolve();
        },
        close: () => Promise.resolve(),
      },
      provision: (orgId) => {
        provisioned.push(orgId);
        return broker.provision?.() ?? Promise.resolve();
      },
    },
    verifier: await openTokenVerifier({
      jwks: issuer.jwksPath,
      issuer: ISSUER,
      audience: AUDIENCE,
      areDemoKeysAllowed: false,
      clock: systemClock,
    }),
    protection: DEFAULT_PROTECTION,
    eventLoop: { delayMs: () => 0 },
    log: createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } }),
    metrics: createMetrics(),
    clock: systemClock,
  });
  return {
    app,
    admin: database.admin,
    worker,
    read,
    issuer,
    keyRing,
    provisioned,
    ended,
    lines,
    delete: async (url, claims, headers = {}) =>
      request(app)
        .delete(url)
        .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` }),
    post: async (url, body, claims, headers = {}) =>
      request(app)
        .post(url)
        .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` })
        .send(body),
    async close() {
      await Promise.all(Object.values(pools).map((open) => open.close()));
      await issuer.close();
      await rm(folder, { recursive: true });
      await database.drop();
    },
  };
}
