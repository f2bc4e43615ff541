import { openDatabase } from '@quarterhour/db';
import { apiKeyDigest, listen } from '@quarterhour/http';
import type { Logger, Metrics, OnStop } from '@quarterhour/runtime';
import { createBrokerAuth } from './app.js';
import { partnerLogins } from './logins.js';

/** What {@link serveBrokerAuth} needs. */
export interface BrokerAuthOptions {
  readonly databaseUrl: string;
  readonly apiKeyPepper: Uint8Array;
  readonly where: { readonly host: string; readonly port: number };
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onStop: OnStop;
}

/** Of their own, so that no other work of this process keeps a partner waiting at the door. */
const CONNECTIONS = 3;
/** The broker itself waits 15 seconds. */
const TIMEOUT_MS = 3_000;
/** Longer than the broker keeps an idle connection, 120 s: so it never asks over one that is being closed. */
const IDLE_TIMEOUT_MS = 150_000;

/** Answers the broker's questions about partners for as long as the process lives. */
export async function serveBrokerAuth({
  databaseUrl,
  apiKeyPepper,
  where,
  log,
  metrics,
  onStop,
}: BrokerAuthOptions): Promise<void> {
  const db = openDatabase({
    url: databaseUrl,
    applicationName: 'control-api-broker-auth',
    maxConnections: CONNECTIONS,
    statementTimeoutMs: TIMEOUT_MS,
    answerTimeoutMs: TIMEOUT_MS,
    connectTimeoutMs: TIMEOUT_MS,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  onStop(() => db.close());
  const logins = partnerLogins(db, (key) => apiKeyDigest(apiKeyPepper, key));
  const listener = await listen(createBrokerAuth({ logins, log, metrics }), {
    ...where,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
  });
  onStop(() => listener.close());
  log.info({ address: listener.url }, 'answering the broker about partners');
}
