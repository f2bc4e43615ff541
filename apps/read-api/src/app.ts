import { createRequire } from 'node:module';
import type { Express } from 'express';
import { classifyError, NO_ORGANISATION, type Database } from '@quarterhour/db';
import { createApi, type Cursors, type TokenVerifier } from '@quarterhour/http';
import type { Clock, Logger, Metrics } from '@quarterhour/runtime';
import { routes } from './routes.js';

export interface ReadApiParts {
  readonly db: Database;
  readonly cursors: Cursors;
  readonly verifier: TokenVerifier;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export function createReadApi({ db, cursors, verifier, log, metrics, clock }: ReadApiParts): Express {
  return createApi({
    routes,
    context: { db, cursors },
    verifier,
    classifyError,
    unownedOrganisation: NO_ORGANISATION,
    checks: [{ name: 'database', check: () => db.ping().then(() => ({ ok: true })) }],
    docs: { redocBundle: createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js') },
    log,
    metrics,
    clock,
  });
}
