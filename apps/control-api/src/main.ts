import { assertReady, findApiKey, openDatabase } from '@quarterhour/db';
import { createApiKeyVerifier, serveApi } from '@quarterhour/http';
import { RegisterWatch } from '@quarterhour/ingestion';
import { rabbitApi } from '@quarterhour/messaging';
import { createLogger, createMetrics, openKeyRing, runProcess, systemClock } from '@quarterhour/runtime';
import { createControlApi } from './app.js';
import { serveBrokerAuth } from './broker-auth/serve.js';
import { readConfig } from './config.js';
import { startEsm } from './esm/start.js';
import { startProvisioning } from './provisioning/start.js';

const CONNECTIONS = 4;
/** Each is held while the broker is asked about one organisation. */
const LOCK_CONNECTIONS = 8;
/** Each is held while an energy management system is asked. */
const ESM_LOCK_CONNECTIONS = 8;
/** A decision about a thousand deliveries is one transaction; nobody waits for its answer longer than 30 seconds. */
const STATEMENT_TIMEOUT_MS = 20_000;
/** A caller learns within a second that the database is out of reach. */
const CONNECT_TIMEOUT_MS = 900;

const config = readConfig();
const log = createLogger({ name: 'control-api', level: config.logLevel });

await runProcess({ name: 'control-api', log }, async (onStop) => {
  const keyRing = openKeyRing(config.keyRing);
  const pool = (applicationName: string, maxConnections: number) =>
    openDatabase({
      url: config.databaseUrl,
      applicationName,
      maxConnections,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      answerTimeoutMs: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
    });
  const db = pool('control-api', CONNECTIONS);
  onStop(() => db.close());
  await assertReady(db, { acceptVolatile: config.acceptsVolatile });
  const locks = pool('control-api: locks', LOCK_CONNECTIONS);
  onStop(() => locks.close());

  const { apiUrl, vhost, user, samplingMs } = config.broker;
  const api = rabbitApi({ url: apiUrl });
  const provisioning = startProvisioning({ db, locks, api, vhost, user, samplingMs, clock: systemClock, log });
  onStop(() => provisioning.stop());

  const esmLocks = pool('control-api: esm locks', ESM_LOCK_CONNECTIONS);
  onStop(() => esmLocks.close());
  const { partnerUrls } = config;
  const esm = startEsm({ ...config.esm, db, locks: esmLocks, keyRing, partnerUrls, clock: systemClock, log });
  onStop(() => esm.stop());

  const register = await RegisterWatch.open(db);
  const metrics = createMetrics({ processMetrics: true });
  await serveBrokerAuth({ ...config, where: config.brokerAuth, log, metrics, onStop });
  const { apiKeyPepper, partnerAddresses, commandRules } = config;
  const { provisioner, checks } = provisioning;
  // Uses are counted where data is read.
  const apiKeys = createApiKeyVerifier({
    pepper: apiKeyPepper,
    find: (digest) => findApiKey(db, digest),
    noteUse: () => undefined,
  });
  await serveApi({ ...config, log, metrics, onStop }, (parts) =>
    createControlApi({
      ...parts,
      apiKeys,
      db,
      register,
      keyRing,
      apiKeyPepper,
      partnerAddresses,
      partnerUrls,
      commandRules,
      esm: esm.context,
      provisioner,
      checks: [...checks, ...esm.checks],
    }),
  );
});
