import { openDatabase, recordApiKeyUses } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import { keepApiKeyUses, type ApiKeyUses } from '@quarterhour/http';
import { systemClock, type Logger } from '@quarterhour/runtime';

const TIMEOUT_MS = 5_000;

/** Keeps when API keys were last used, with a role and a connection of their own: reading never waits for it. */
export function openApiKeyUses({
  databaseUrl,
  log,
}: {
  readonly databaseUrl: string;
  readonly log: Logger;
}): ApiKeyUses {
  const db = openDatabase({
    url: databaseUrl,
    applicationName: 'read-api-usage',
    maxConnections: 1,
    statementTimeoutMs: TIMEOUT_MS,
    connectTimeoutMs: TIMEOUT_MS,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection was lost'),
  });
  const kept = keepApiKeyUses({
    clock: systemClock,
    log,
    write: (uses) => {
      const organisations = [...new Set(uses.map(({ orgId }) => orgId))];
      const noted = uses.map(({ at, ...use }) => ({ ...use, at: parseInstant(at) }));
      return db.transaction(organisations, (trx) => recordApiKeyUses(trx, noted));
    },
  });
  return {
    ...kept,
    async close() {
      await kept.close();
      await db.close();
    },
  };
}
