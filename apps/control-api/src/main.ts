import { assertReady, openDatabase } from '@quarterhour/db';
import { serveApi } from '@quarterhour/http';
import { RegisterWatch } from '@quarterhour/ingestion';
import { createLogger, runProcess } from '@quarterhour/runtime';
import { createControlApi } from './app.js';
import { readConfig } from './config.js';

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

  const register = await RegisterWatch.open(db);
  await serveApi({ ...config, log, onStop }, (parts) => createControlApi({ ...parts, db, register }));
});
