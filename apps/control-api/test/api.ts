import type { Express } from 'express';
import request from 'supertest';
import type { Response } from 'supertest';
import { openDatabase } from '@quarterhour/db';
import type { Database } from '@quarterhour/db';
import { DEFAULT_PROTECTION, openTokenVerifier, type Method } from '@quarterhour/http';
import { RegisterWatch } from '@quarterhour/ingestion';
import { createLogger, createMetrics, systemClock } from '@quarterhour/runtime';
import {
  AUDIENCE,
  ISSUER,
  openTestIssuer,
  testDatabase,
  type TestIssuer,
  type TokenClaims,
} from '@quarterhour/testkit';
import { createControlApi } from '../src/app.js';

/** The control API over a database of its own, and pools that write as the worker and read as the read API do. */
export interface TestApi {
  readonly app: Express;
  readonly admin: Database;
  readonly worker: Database;
  readonly read: Database;
  readonly issuer: TestIssuer;
  /** @param body left out for none */
  send(method: Method, url: string, claims: TokenClaims, body?: object): Promise<Response>;
  post(url: string, body: object, claims: TokenClaims, headers?: Readonly<Record<string, string>>): Promise<Response>;
  close(): Promise<void>;
}

export async function openTestApi(): Promise<TestApi> {
  const database = await testDatabase();
  const issuer = await openTestIssuer();
  const pool = (url: string) => openDatabase({ url, applicationName: 'test', maxConnections: 4 });
  const pools = { worker: pool(database.ingestUrl), read: pool(database.readUrl), db: pool(database.controlUrl) };
  const { worker, read, db } = pools;
  const app = createControlApi({
    db,
    register: await RegisterWatch.open(db),
    verifier: await openTokenVerifier({
      jwks: issuer.jwksPath,
      issuer: ISSUER,
      audience: AUDIENCE,
      areDemoKeysAllowed: false,
      clock: systemClock,
    }),
    protection: DEFAULT_PROTECTION,
    eventLoop: { delayMs: () => 0 },
    log: createLogger({ name: 'test', level: 'error' }),
    metrics: createMetrics(),
    clock: systemClock,
  });
  return {
    app,
    admin: database.admin,
    worker,
    read,
    issuer,
    send: async (method, url, claims, body) =>
      request(app)
        [method](url)
        .set('authorization', `Bearer ${await issuer.token(claims)}`)
        .send(body),
    post: async (url, body, claims, headers = {}) =>
      request(app)
        .post(url)
        .set({ ...headers, authorization: `Bearer ${await issuer.token(claims)}` })
        .send(body),
    async close() {
      await Promise.all(Object.values(pools).map((open) => open.close()));
      await issuer.close();
      await database.drop();
    },
  };
}
