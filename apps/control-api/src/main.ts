import { assertReady, openDatabase } from '@quarterhour/db';
import { serveApi } from '@quarterhour/http';
import { RegisterWatch } from '@quarterhour/ingestion';
import { rabbitApi } from '@quarterhour/messaging';
import { createLogger, openKeyRing, runProcess } from '@quarterhour/runtime';
import { createControlApi } from './app.js';
import { readConfig } from './config.js';
import { partnerSessions } from './surfaces/partner/sessions.js';

const CONNECTIONS = 4;
/** A decision about a thousand deliveries is one transaction; nobody waits for its answer longer than 30 seconds. */
const STATEMENT_TIMEOUT_MS = 20_000;
/** A caller learns within a second that the database is out of reach. */
const CONNECT_TIMEOUT_MS = 900;

const config = readConfig();
const log = createLogger({ name: 'control-api', level: config.logLevel });

await runProcess({ name: 'control-api', log }, async (onStop) => {
  const db = openDatabase({
    url: config.databaseUrl,
    applicationName: 'control-api',
    maxConnections: CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    answerTimeoutMs: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  onStop(() => db.close());
  await assertReady(db, { acceptVolatile: config.acceptsVolatile });

  const { apiKeyPepper, partnerAddresses } = config;
  const keyRing = openKeyRing(config.keyRing);
  const sessions = partnerSessions(rabbitApi({ url: config.rabbitmqApiUrl }), { log });
  onStop(() => sessions.close());
  const register = await RegisterWatch.open(db);
  const context = { db, register, keyRing, apiKeyPepper, partnerAddresses, sessions, provision: leftToItsRound };
  await serveApi({ ...config, log, onStop }, (parts) => createControlApi({ ...parts, context }));
});

/** What the broker must look like is written down, for whoever makes it so. */
function leftToItsRound(): Promise<void> {
  return Promise.resolve();
}
