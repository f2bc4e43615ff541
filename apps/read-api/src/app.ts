import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Express } from 'express';
import { classifyError, NO_ORGANISATION, type Database } from '@quarterhour/db';
import { createApi, type ApiKeyVerifier, type Cursors, type PartnerBroker, type ServiceParts } from '@quarterhour/http';
import { routes } from './routes.js';

export interface ReadApiParts extends ServiceParts {
  readonly db: Database;
  readonly cursors: Cursors;
  readonly partnerBroker: PartnerBroker;
  readonly apiKeys: ApiKeyVerifier;
}

export function createReadApi({ db, cursors, partnerBroker, ...parts }: ReadApiParts): Express {
  return createApi({
    ...parts,
    routes,
    context: { db, cursors, clock: parts.clock, partnerBroker },
    classifyError,
    unownedOrganisation: NO_ORGANISATION,
    databaseQueue: () => db.waiting(),
    checks: [{ name: 'database', check: () => db.ping().then(() => ({ ok: true })) }],
    docs: {
      redocBundle: createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'),
      documentsFolder: fileURLToPath(new URL('../../../docs/openapi', import.meta.url)),
    },
  });
}
