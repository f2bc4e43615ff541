import { assertReady, findApiKey, openDatabase } from '@quarterhour/db';
import { createApiKeyVerifier, createCursors, serveApi } from '@quarterhour/http';
import { createLogger, runProcess } from '@quarterhour/runtime';
import { openApiKeyUses } from './api-key-uses.js';
import { createReadApi } from './app.js';
import { readConfig } from './config.js';

const CONNECTIONS = 8;
const STATEMENT_TIMEOUT_MS = 5_000;
/** A caller learns within a second that the database is out of reach. */
const CONNECT_TIMEOUT_MS = 900;

const config = readConfig();
const log = createLogger({ name: 'read-api', level: config.logLevel });

await runProcess({ name: 'read-api', log }, async (onStop) => {
  const db = openDatabase({
    url: config.databaseUrl,
    applicationName: 'read-api',
    maxConnections: CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    answerTimeoutMs: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  onStop(() => db.close());
  await assertReady(db, { acceptVolatile: config.acceptsVolatile });

  const cursors = createCursors(config.cursorKey);
  const { partnerBroker } = config;
  const uses = openApiKeyUses({ databaseUrl: config.usageDatabaseUrl, log });
  onStop(() => uses.close());
  const apiKeys = createApiKeyVerifier({
    pepper: config.apiKeyPepper,
    find: (digest) => findApiKey(db, digest),
    noteUse: (key) => uses.note(key),
  });
  await serveApi({ ...config, log, onStop }, (parts) =>
    createReadApi({ ...parts, db, cursors, apiKeys, partnerBroker }),
  );
});
