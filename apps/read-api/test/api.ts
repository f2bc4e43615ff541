import type { Express } from 'express';
import request from 'supertest';
import type { Response } from 'supertest';
import { findApiKey, openDatabase } from '@quarterhour/db';
import type { Database } from '@quarterhour/db';
import { createApiKeyVerifier, createCursors, DEFAULT_PROTECTION, openTokenVerifier } from '@quarterhour/http';
import { createLogger, createMetrics, systemClock, type Logger } from '@quarterhour/runtime';
import {
  AUDIENCE,
  documentOfSurface,
  ISSUER,
  openTestIssuer,
  testDatabase,
  type TestIssuer,
  type TokenClaims,
} from '@quarterhour/testkit';
import { createReadApi } from '../src/app.js';

/** What keys of the tests are found by. */
export const PEPPER = Buffer.alloc(32, 7);

const assertDocumented = documentOfSurface('asset');

/** The read API over a database of its own, and a pool that writes as the worker does. */
export interface TestApi {
  readonly app: Express;
  readonly admin: Database;
  readonly worker: Database;
  readonly controlUrl: string;
  readonly issuer: TestIssuer;
  get(url: string, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  head(url: string, claims: TokenClaims, headers: Readonly<Record<string, string>>): Promise<Response>;
  close(): Promise<void>;
}

export async function openTestApi(): Promise<TestApi> {
  const database = await testDatabase();
  const issuer = await openTestIssuer();
  const worker = openDatabase({ url: database.ingestUrl, applicationName: 'test-worker', maxConnections: 2 });
  const db = openDatabase({ url: database.readUrl, applicationName: 'test-read-api', maxConnections: 4 });
  const app = await readApiOver(db, issuer);
  return {
    app,
    admin: database.admin,
    worker,
    controlUrl: database.controlUrl,
    issuer,
    get: async (url, claims, headers = {}) => {
      const answer = await request(app)
        .get(url)
        .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` });
      if (url.startsWith('/asset-api/')) assertDocumented({ method: 'get', url, answer });
      return answer;
    },
    head: async (url, claims, headers) =>
      request(app)
        .head(url)
        .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` }),
    async close() {
      await db.close();
      await worker.close();
      await issuer.close();
      await database.drop();
    },
  };
}

export async function readApiOver(
  db: Database,
  issuer: TestIssuer,
  log: Logger = createLogger({ name: 'test', level: 'error' }),
): Promise<Express> {
  return createReadApi({
    db,
    cursors: createCursors(new Uint8Array(32).fill(1)),
    partnerBroker: { host: 'amqp.example', port: 5671, ca: null },
    apiKeys: createApiKeyVerifier({
      pepper: PEPPER,
      find: (digest) => findApiKey(db, digest),
      noteUse: () => undefined,
    }),
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
}
