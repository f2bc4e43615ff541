import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Express } from 'express';
import { classifyError, NO_ORGANISATION } from '@quarterhour/db';
import { createApi, type ServiceParts } from '@quarterhour/http';
import type { ApiContext } from './api-context.js';
import { routes } from './routes.js';

/** What the API takes from its process: its context, and what every API is made of. */
export interface ControlApiParts extends ServiceParts {
  readonly context: Omit<ApiContext, 'clock'>;
}

export function createControlApi({ context, ...parts }: ControlApiParts): Express {
  const { db } = context;
  return createApi({
    ...parts,
    routes,
    context: { ...context, clock: parts.clock },
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
