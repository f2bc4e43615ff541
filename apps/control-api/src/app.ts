import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Express } from 'express';
import { classifyError, NO_ORGANISATION, type Database } from '@quarterhour/db';
import { createApi, type ServiceParts } from '@quarterhour/http';
import type { RegisterWatch } from '@quarterhour/ingestion';
import { routes } from './routes.js';

export interface ControlApiParts extends ServiceParts {
  readonly db: Database;
  readonly register: RegisterWatch;
}

export function createControlApi({ db, register, ...parts }: ControlApiParts): Express {
  return createApi({
    ...parts,
    routes,
    context: { db, register, clock: parts.clock },
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
